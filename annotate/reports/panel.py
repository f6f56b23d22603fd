"""The raters of a round beside each other, without a rank."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from annotate import people, practice, ratings, rounds
from annotate.practice import Missed
from annotate.reports.agreement import shown_twice
from annotate.stats import Figure, rate
from annotate.stats.severity import Severity, severity
from db.tables import Rater, Round


@dataclass(frozen=True)
class PanelRow:
    """One rater on one criterion."""

    rater: str
    criterion: str
    difference: Figure
    """Their value less the mean of the others, in points."""
    consistency: Figure
    """The share of units shown twice that they answered alike."""
    use: tuple[float, ...]
    """The share of each point among their ratings."""
    ratings: int
    """Those that count: on fresh units and anchors, without repeats and late extras."""
    abstained: int
    """Of the same units."""


@dataclass(frozen=True)
class Panel:
    """A round's raters, criterion by criterion, each by name."""

    round: str
    domains: dict[str, tuple[str, ...]]
    """The labels of each criterion's points."""
    rows: list[PanelRow]

    def as_json(self) -> dict[str, Any]:
        """The document that `annotate round raters --json` prints."""
        return {
            "round": self.round,
            "points": {name: list(labels) for name, labels in self.domains.items()},
            "rows": [
                {
                    **vars(row),
                    "difference": row.difference.as_json(),
                    "consistency": row.consistency.as_json(),
                    "use": list(row.use),
                }
                for row in self.rows
            ],
        }


def panel(session: Session, round_: Round, *, by: Rater | None) -> Panel:
    """Severity, consistency, use of the scale and abstentions of every rater who has rated.

    Refused to a lead who rates in the round while it is open.
    """
    people.require_lead(session, by)
    rounds.refuse_its_raters(round_, by, "its raters are compared")
    said = ratings.people(session, round_)
    said = said[~said["adjudication"].astype(bool)]
    keys = rounds.rubric_of(session, round_).rating_keys()
    rows = []
    for key in keys:
        of_criterion = said[said["criterion"] == key.key]
        matrix = ratings.matrix(ratings.counted(of_criterion), key.key)
        twice = shown_twice(of_criterion)
        without = (
            of_criterion[
                of_criterion["abstained"].notna()
                & ~of_criterion["extra"].astype(bool)
                & of_criterion["purpose"].isin(["fresh", "anchor"])
            ]
            .groupby("rater", observed=True)["unit"]
            .size()
        )
        ordered = not key.categories
        known = dict(zip(matrix.raters, severity(matrix.values, domain=key.domain), strict=True))
        nothing = Severity(Figure.undefined("gave no value that counts", 0), (), 0)
        # Who only abstained is on the panel too.
        for name in sorted({str(rater) for rater in of_criterion["rater"]}):
            one = known.get(name, nothing)
            mine = twice[twice["rater"] == name]
            rows.append(
                PanelRow(
                    rater=name,
                    criterion=key.key,
                    difference=one.difference
                    if ordered
                    else Figure.undefined("categories have no distances", one.ratings),
                    consistency=_alike(mine["value_first"], mine["value_again"]),
                    use=one.use,
                    ratings=one.ratings,
                    abstained=int(without.get(name, 0)),
                )
            )
    labels = {key.key: tuple(key.label(point) for point in key.domain) for key in keys}
    return Panel(round_.name, labels, rows)


def _alike(first: Any, again: Any) -> Figure:
    n = len(first)
    if not n:
        return Figure.undefined("nothing was shown twice", 0)
    return rate(int((first.to_numpy() == again.to_numpy()).sum()), n)


@dataclass(frozen=True)
class Slip:
    """A unit that a rater answered otherwise when it was shown again."""

    rater: str
    unit: str
    criterion: str
    first: str
    again: str


def slips(session: Session, round_: Round, *, by: Rater | None) -> list[Slip]:
    """Every repeat that was answered otherwise, by rater and unit: what lies behind `consistency`.

    Refused to a lead who rates in the round while it is open.
    """
    people.require_lead(session, by)
    rounds.refuse_its_raters(round_, by, "its repeats are shown")
    said = ratings.people(session, round_)
    said = said[~said["adjudication"].astype(bool)]
    found = []
    for key in rounds.rubric_of(session, round_).rating_keys():
        pairs = shown_twice(said[said["criterion"] == key.key])
        apart = pairs[pairs["value_first"] != pairs["value_again"]]
        found += [
            Slip(str(rater), str(unit), key.key, key.label(first), key.label(again))
            for rater, unit, first, again in zip(
                apart["rater"], apart["unit_first"], apart["value_first"], apart["value_again"],
                strict=True,
            )
        ]  # fmt: skip
    return sorted(found, key=lambda one: (one.rater, one.unit, one.criterion))


def missed_checks(session: Session, round_: Round, *, by: Rater | None) -> list[Missed]:
    """Every known answer of a practice round that a rater missed at first, by rater and unit.

    Refused to a lead who rates in the round while it is open.
    """
    people.require_lead(session, by)
    rounds.refuse_its_raters(round_, by, "the known answers are shown")
    return practice.missed(session, round_)
