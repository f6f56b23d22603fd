"""Agreement of a round rater by rater: who rates like whom, and who stands apart."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlmodel import Session

from annotate import people, ratings, rounds
from annotate.ratings import Floats
from annotate.rubric import RatingKey
from annotate.stats import (
    Agreement,
    Figure,
    RaterPair,
    Weights,
    brennan_prediger,
    conger_kappa,
    fleiss_kappa,
    intraclass_correlation,
    kendall_w,
    not_enough,
    rater_pairs,
    without_each_rater,
)
from db.tables import Rater, Round

MOST = 30
"""Raters up to whom every pair is shown."""


@dataclass(frozen=True)
class RaterRow:
    """One criterion, pooled over segments."""

    criterion: str
    raters: tuple[str, ...]
    pairs: tuple[RaterPair, ...]
    """The places are those of `raters`."""
    without: tuple[Agreement, ...]
    """Of each of `raters`: how far the others agree."""
    coefficients: dict[str, Figure]
    """Further coefficients of all raters, by name."""

    def named(self, pair: RaterPair) -> tuple[str, str]:
        """The pair's names."""
        return self.raters[pair.first], self.raters[pair.second]


@dataclass(frozen=True)
class RaterReport:
    """Agreement of a round rater by rater."""

    round: str
    rows: list[RaterRow]

    def as_json(self) -> dict[str, Any]:
        """The document that `annotate agreement --by rater --json` prints."""
        return {"round": self.round, "rows": [_json(row) for row in self.rows]}


def rater_report(session: Session, round_: Round, *, by: Rater | None) -> RaterReport:
    """Every pair of raters, and the others without each, per criterion.

    With more than MOST raters the pairs are left out: nobody reads a thousand of them.
    """
    people.require_lead(session, by)
    rounds.refuse_its_raters(round_, by, "raters are compared")
    found = ratings.counted(ratings.people(session, round_))
    minimum = rounds.parameters(round_).minimum_units
    rows = []
    for key in rounds.rubric_of(session, round_).rating_keys():
        said = ratings.matrix(found, key.key)
        if not said.raters:
            continue
        pairs = (
            rater_pairs(said.values, domain=key.domain, level=key.level, minimum_units=minimum)
            if len(said.raters) <= MOST
            else []
        )
        without = without_each_rater(
            said.values, domain=key.domain, level=key.level, minimum_units=minimum
        )
        further = _further(said.values, key, minimum)
        rows.append(RaterRow(key.key, tuple(said.raters), tuple(pairs), tuple(without), further))
    return RaterReport(round_.name, rows)


TOO_MANY = f"more than {MOST} raters"
COMPLETE = "a rating is missing: it needs every rater on every unit"


def _further(values: Floats, key: RatingKey, minimum: int) -> dict[str, Figure]:
    """What else is cited of such ratings."""
    weights: Weights = "unweighted" if key.level == "nominal" else "quadratic"
    n = int(((~np.isnan(values)).sum(axis=1) >= 2).sum())
    names = ["Fleiss' kappa", "Conger's kappa", "Brennan-Prediger"]
    if key.level != "nominal":
        names += ["ICC(2,1)", "ICC(2,k)", "Kendall's W"]
    if 0 < n < minimum:
        return dict.fromkeys(names, Figure.undefined(not_enough(minimum - n), n))
    found = [
        coefficient(values, domain=key.domain, weights=weights)
        for coefficient in (fleiss_kappa, conger_kappa, brennan_prediger)
        if coefficient is not conger_kappa or values.shape[1] <= MOST
    ]
    if len(found) < 3:  # its table has a row a unit, a column a rater and a value: too large
        found.insert(1, Figure.undefined(TOO_MANY, n))
    if key.level != "nominal":
        if np.isnan(values).any() or values.shape[1] < 2:
            found += [Figure.undefined(COMPLETE, n)] * 3
        else:
            intraclass = intraclass_correlation(values)
            found += [intraclass.icc2, intraclass.icc2k, kendall_w(values).w]
    return dict(zip(names, found, strict=True))


def _json(row: RaterRow) -> dict[str, Any]:
    return {
        "criterion": row.criterion,
        "pairs": [
            {
                "raters": list(row.named(pair)),
                "kappa": pair.kappa.as_json(),
                "percent": pair.percent.as_json(),
                "difference": pair.marginals.difference.as_json(),
                "difference_p": pair.marginals.p,
            }
            for pair in row.pairs
        ],
        "coefficients": {name: figure.as_json() for name, figure in row.coefficients.items()},
        "without": [
            {"rater": name, "alpha": rest.alpha.as_json()}
            for name, rest in zip(row.raters, row.without, strict=True)
        ],
    }
