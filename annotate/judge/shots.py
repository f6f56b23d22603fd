"""Examples for a judge's prompt, from the `shot` split only: cases that calibration then leaves out.

An example is an output on which people agreed to the point, with the reason that one of them gave.
Levels are taken in turn from both ends of the scale, so that no level is the usual answer.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain, zip_longest

import numpy as np
from sqlmodel import Session, col, select

from annotate import ratings, rounds, sampling
from annotate.criterion import Criterion
from annotate.errors import BadInput
from annotate.judge import prompt
from annotate.judge.prompt import Shot
from annotate.judge.spec import Spec
from annotate.judge.splits import split_of
from annotate.rubric import Rubric
from db.tables import Output, Rater, Rating, Round

LEAST_RATERS = 2


def choose(session: Session, spec: Spec, rubric: Rubric) -> dict[str, tuple[Shot, ...]]:
    """So many examples as the judge's file wants, for each criterion with points.

    Raises BadInput where no case of the shot split has been rated alike by two people.
    """
    if not spec.shots:
        return {}
    criteria = [
        one
        for one in prompt.judged(rubric)
        if one.points and (not spec.criteria or one.id in spec.criteria)
    ]
    pool = _agreed(session, rubric, criteria)
    found = {one.id: _balanced(session, spec, one, pool[one.id]) for one in criteria}
    if not any(found.values()):
        raise BadInput(
            f"judge {spec.name}: no case of the shot split has been rated alike by two people with "
            f"rubric {rubric.name} in a closed round; leave `shots` out, or rate more"
        )
    return {name: shots for name, shots in found.items() if shots}


def _agreed(
    session: Session, rubric: Rubric, criteria: list[Criterion]
) -> dict[str, dict[float, list[str]]]:
    """Outputs of the shot split that people rated alike, by criterion and value."""
    found: dict[str, dict[float, list[str]]] = defaultdict(lambda: defaultdict(list))
    closed = select(Round).where(Round.status == "closed").order_by(col(Round.id))
    for round_ in session.exec(closed):
        if rounds.rubric_of(session, round_).hash != rubric.hash:
            continue
        said = ratings.counted(ratings.people(session, round_))
        said = said[said["blind"]]
        case = ratings.outputs_rated(session, round_)["case"]
        for criterion in criteria:
            of_all = ratings.matrix(said, criterion.id, by="output")
            for output, values in zip(of_all.units, of_all.values, strict=True):
                given = values[~np.isnan(values)]
                alike = len(given) >= LEAST_RATERS and np.ptp(given) == 0
                if alike and split_of(str(case[output])) == "shot":
                    listed = found[criterion.id][float(given[0])]
                    if output not in listed:
                        listed.append(output)
    return found


def _balanced(
    session: Session, spec: Spec, criterion: Criterion, pool: dict[float, list[str]]
) -> tuple[Shot, ...]:
    """Examples from the pool: the levels in turn, each in the order of the sample's draw."""
    levels = [
        sorted(pool.get(v, ()), key=lambda key: sampling.order(key, "shots"))
        for v in _ends(criterion)
    ]
    in_turn = [key for key in chain.from_iterable(zip_longest(*levels)) if key is not None]
    said = {key: value for value, keys in pool.items() for key in keys}
    return tuple(_shot(session, spec, criterion, key, said[key]) for key in in_turn[: spec.shots])


def _ends(criterion: Criterion) -> Iterator[float]:
    """The values from both ends to the middle."""
    rest = list(criterion.domain)
    while rest:
        yield rest.pop()
        if rest:
            yield rest.pop(0)


def _shot(session: Session, spec: Spec, criterion: Criterion, key: str, value: float) -> Shot:
    output = session.exec(select(Output).where(Output.key == key)).one()
    why = session.exec(
        select(Rating.rationale)
        .join(Rater, col(Rater.id) == Rating.rater_id)
        .where(
            # A person's own: not a judge's words, nor what was said to settle a dispute.
            Rater.kind == "human",
            col(Rating.adjudication).is_(False),
            Rating.output_id == output.id,
            Rating.criterion == criterion.id,
            Rating.value == value,
            col(Rating.rationale).is_not(None),
        )
        .order_by(col(Rating.id))
    ).first()
    word = next(level.word for level in prompt.levels(criterion) if level.value == value)
    answer: dict[str, object] = {"evidence": [], "critique": why or ""} if spec.critique else {}
    return Shot(
        fields={name: getattr(output, name) for name in spec.sees if getattr(output, name)},
        answer={**answer, "injection_suspected": False, "level": word},
        case=output.case_key,
    )
