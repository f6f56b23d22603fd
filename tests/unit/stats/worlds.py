"""Simulated rounds in which it is known who moved."""

import numpy as np

from annotate.stats import RoundScores
from annotate.stats.figure import Floats

SCALE = (1.0, 2.0, 3.0, 4.0, 5.0)


def world(
    seed: int,
    *,
    judge: float = 0.0,
    raters: float = 0.0,
    traffic: float = 0.0,
    on_new: float = 0.0,
    on_bad: float = 0.0,
    balanced: bool = False,
    judged: int = 0,
    guessing: float = 0.0,
    anchors: int = 50,
    fresh: int = 100,
    runs: int = 3,
    people: tuple[str, ...] = ("ada", "ben", "cleo"),
) -> RoundScores:
    """A round on a scale of 1 to 5; the true quality of the anchors is the same in every world.

    judge, raters: how lenient they are. traffic: how much better the fresh units are.
    on_new: the judge's leniency on fresh units alone, on_bad: on those below 3. guessing: its
    share of random scores. judged: further outputs of the traffic that only the judge scored. balanced: anchors of every quality alike often, however the traffic is.
    """
    fixed = np.random.default_rng(7)
    quality = fixed.normal(3.2, 1, size=(anchors, 1))
    if balanced:
        quality = np.linspace(1, 5, anchors)[:, None]
    random = np.random.default_rng(seed)
    new = random.normal(3.2 + traffic, 1, size=(fresh, 1))

    def scored(true: Floats, columns: int, off: float, noise: float) -> Floats:
        said = true + off + random.normal(0, noise, size=(len(true), columns))
        found: Floats = np.clip(np.rint(said), 1, 5)
        return found

    def by_judge(true: Floats, columns: int, off: float) -> Floats:
        return scored(true + on_bad * (true < 3), columns, off, 0.5)

    of_anchors = by_judge(quality, runs, judge)
    lost = random.random(of_anchors.shape) < guessing
    of_anchors[lost] = random.integers(1, 6, size=int(lost.sum()))
    of_people = scored(quality, len(people), raters, 0.6)
    of_fresh = by_judge(new, 1, judge + on_new)[:, 0]
    more = None
    if judged:
        rest = random.normal(3.2 + traffic, 1, size=(judged, 1))
        more = np.concatenate([of_fresh, by_judge(rest, 1, judge + on_new)[:, 0]])
    return RoundScores(
        anchors_judge=of_anchors,
        anchors_human=of_people,
        fresh_judge=of_fresh,
        fresh_human=scored(new, len(people), raters, 0.6),
        fresh_weight=np.ones(fresh),
        raters=people,
        traffic_judge=more,
    )


def passes_and_fails(
    seed: int,
    *,
    tnr: float = 0.8,
    passes: float = 0.8,
    anchors: int = 50,
    fresh: int = 100,
    runs: int = 3,
    people: tuple[str, ...] = ("ada", "ben", "cleo"),
) -> RoundScores:
    """A round of passes and fails: half of the anchors pass, and `passes` of the traffic.

    tnr: of what fails, the share that the judge fails; of what passes it passes 95 of 100.
    """
    random = np.random.default_rng(seed)
    of_anchors = np.arange(anchors) % 2 == 0
    of_fresh = random.random(fresh) < passes

    def said(true: np.typing.NDArray[np.bool_], columns: int, tpr: float, tnr: float) -> Floats:
        shape = (len(true), columns)
        passed = np.where(true[:, None], random.random(shape) < tpr, random.random(shape) > tnr)
        found: Floats = passed.astype(float)
        return found

    return RoundScores(
        anchors_judge=said(of_anchors, runs, 0.95, tnr),
        anchors_human=said(of_anchors, len(people), 0.95, 0.95),
        fresh_judge=said(of_fresh, 1, 0.95, tnr)[:, 0],
        fresh_human=said(of_fresh, len(people), 0.95, 0.95),
        fresh_weight=np.ones(fresh),
        raters=people,
    )
