"""What share of a round's units people pass, per criterion and segment."""

from dataclasses import dataclass

import numpy as np
from sqlmodel import Session

from annotate import people, ratings, rounds
from annotate.reports.calibration import blind
from annotate.reports.slices import slices
from annotate.stats import Figure, lower_median
from annotate.stats.estimate import weighted_rate
from annotate.stats.figure import not_enough
from db.tables import Rater, Round


@dataclass(frozen=True)
class PassRow:
    """One criterion with a pass point in one segment; None is all segments together."""

    criterion: str
    segment: str | None
    figure: Figure


def pass_rates(session: Session, round_: Round, *, by: Rater | None) -> list[PassRow]:
    """The share of fresh units whose lower median passes, weighted to what they were drawn from.

    Of criteria with a pass point, as people rated them blind. Nothing where no unit was drawn
    afresh: what was chosen says nothing of the rest. Refused to a lead who rates in the round while
    it is open.
    """
    people.require_lead(session, by)
    rounds.refuse_its_raters(round_, by, "what people pass is shown")
    said = ratings.counted(blind(ratings.people(session, round_)))
    said = said[said["purpose"] == "fresh"]
    minimum = rounds.parameters(round_).minimum_units
    found = []
    for key in rounds.rubric_of(session, round_).rating_keys():
        of_criterion = said[said["criterion"] == key.key]
        if key.pass_at is None or not len(of_criterion):
            continue
        for segment, chosen in slices(of_criterion, True):
            matrix = ratings.matrix(chosen, key.key)
            about = chosen.drop_duplicates("unit").set_index("unit").reindex(matrix.units)
            weights = (1 / about["inclusion_probability"]).to_numpy(dtype=np.float64)
            n = len(matrix.units)
            if n < minimum:
                figure = Figure.undefined(not_enough(minimum - n), n, "pass rate")
            else:
                passed = (lower_median(matrix.values) >= key.pass_at).astype(np.float64)
                figure = weighted_rate(passed, weights)
            found.append(PassRow(key.key, segment, figure))
    return found
