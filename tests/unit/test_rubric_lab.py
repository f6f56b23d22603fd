"""The rubric lab on stored ratings, and the differences of two versions."""

import pytest

from annotate.errors import BadInput
from annotate.reports.agreement import agreement_report
from annotate.reports.calibration import calibration_report
from annotate.reports.lab import lab
from annotate.rubric import builtin_text, parse
from annotate.rubric_diff import comparable, diff
from db.engine import Database
from tests.unit.test_reports import TRUTH, judge, rated


def test_the_scale_as_it_is_gives_the_reports_own_figures(database: Database) -> None:
    desk = rated(database)
    judge(desk, TRUTH | {"o02": 1.2})
    with database.read() as session:
        found = lab(session, desk.round(), "quality", by=None)
        agreed = agreement_report(session, desk.round(), by_segment=False, by=None).rows[0].result
        (row,) = [
            row
            for row in calibration_report(session, desk.round(), by_segment=False, by=None).rows
            if row.criterion == "quality"
        ]
    assert found.after is None
    assert found.before.agreement == agreed
    assert found.before.judges["Judge"].weighted_kappa == row.result.weighted_kappa
    # Ada says 1 and Ben 2 of every third unit, and of nothing else.
    (confused,) = found.confusions
    assert (confused.labels, confused.pairs) == (("Bad", "Fair"), 4)
    assert confused.units == ("o00", "o03", "o06", "o09")


def test_merging_what_is_confused_leaves_nothing_to_differ_about(database: Database) -> None:
    desk = rated(database)
    judge(desk, TRUTH)
    with database.read() as session:
        merged = lab(session, desk.round(), "quality", together=((1.0, 2.0),), by=None)
        cut = lab(session, desk.round(), "quality", cut=3.0, by=None)
    assert merged.before.agreement.alpha.value != 1.0
    for found in (merged, cut):
        assert found.after is not None
        assert found.after.labels == ("1 to 2 Bad / Fair", "3 Good")
        assert found.after.agreement.alpha.value == pytest.approx(1.0)
        assert found.after.judges["Judge"].weighted_kappa.value == pytest.approx(1.0)
    assert cut.after is not None
    assert (cut.after.judges["Judge"].tpr.value, cut.after.judges["Judge"].tnr.value) == (1.0, 1.0)


def test_a_change_that_cannot_be_is_refused_with_the_points(database: Database) -> None:
    desk = rated(database)
    with database.read() as session:
        for wrong, words in (
            ({"cut": 9.0}, "one side; its points are 1, 2, 3"),
            ({"together": ((1.0, 3.0),)}, "no neighbours"),
            ({"cut": 2.0, "together": ((1.0, 2.0),)}, "exclude each other"),
        ):
            with pytest.raises(BadInput, match=words):
                lab(session, desk.round(), "quality", by=None, **wrong)
        with pytest.raises(BadInput, match="two values"):
            lab(session, desk.round(), "failure.stale", cut=1.0, by=None)


BEFORE = parse(builtin_text("rag-answer"))


def test_the_same_rubric_does_not_differ() -> None:
    assert diff(BEFORE, BEFORE) == []


def test_what_differs_is_told_with_its_effect_on_ratings() -> None:
    text = builtin_text("rag-answer")
    after = parse(text.replace("pass_at: 4", "pass_at: 5", 1))
    (change,) = diff(BEFORE, after)
    assert (change.where, change.before, change.after, change.effect) == (
        "faithfulness.pass_at", "4.0", "5.0", "meaning",
    )  # fmt: skip
    assert comparable([change], "faithfulness")
    document = after.model_dump(mode="json", by_alias=True)
    assert document["criteria"][0]["id"] == "faithfulness"


def test_options_in_another_order_are_another_scale() -> None:
    """Categories are stored by their place; tags are stored one by one."""
    kinds = "name: k\ncriteria:\n  - {id: kind, question: What?, scale: %s, options: [%s]}\n"
    parts = ["{id: a, label: A}", "{id: b, label: B}", "{id: c, label: C}"]
    for scale, effect in (("categorical", "scale"), ("tags", "asking")):
        before = parse(kinds % (scale, ", ".join(parts)))
        after = parse(kinds % (scale, ", ".join(reversed(parts))))
        (change,) = diff(before, after)
        assert (change.where, change.before, change.after, change.effect) == (
            "kind.options", "a, b, c", "c, b, a", effect,
        )  # fmt: skip
        assert comparable([change], "kind") == (scale == "tags")
    fewer = parse(kinds % ("tags", ", ".join(parts[:2])))
    gone = diff(before, fewer)
    assert not comparable(gone, "kind.c") and comparable(gone, "kind.a")


def test_criteria_in_another_order_are_asked_otherwise() -> None:
    one, other = (f"  - {{id: {name}, question: Q, scale: binary}}\n" for name in "ab")
    before, after = (parse("name: k\ncriteria:\n" + text) for text in (one + other, other + one))
    (change,) = diff(before, after)
    assert (change.where, change.before, change.after, change.effect) == (
        "criteria", "a, b", "b, a", "asking",
    )  # fmt: skip


def test_a_point_that_is_called_otherwise_is_another_answer() -> None:
    before = parse(SMALL)
    (change,) = diff(before, parse(SMALL.replace("label: Yes", "label: Hardly")))
    assert (change.where, change.effect) == ("tone.points[2].label", "scale")
    assert not comparable([change], "tone") and comparable([change], "wit")
    spelled = diff(before, parse(SMALL.replace("label: Yes", "label: YES")))
    assert spelled == []


SMALL = """
name: small
criteria:
  - id: tone
    question: Is it friendly?
    scale: ordinal
    points:
      - {value: 1, label: No, anchor: It is rude.}
      - {value: 2, label: Yes, anchor: It is friendly.}
      - {value: 3, label: Very, anchor: It is warm.}
  - id: wit
    question: Is it witty?
    scale: binary
"""


def test_a_point_or_a_criterion_that_comes_or_goes_is_another_scale() -> None:
    before = parse(SMALL)
    fewer = parse(SMALL.replace("      - {value: 3, label: Very, anchor: It is warm.}\n", ""))
    changes = diff(before, fewer)
    assert [(c.where, c.before, c.after, c.effect) for c in changes] == [
        ("tone.points[3]", "Very", None, "scale")
    ]
    assert not comparable(changes, "tone") and comparable(changes, "wit")
    without = parse(SMALL[: SMALL.index("  - id: wit")])
    assert [(c.where, c.before, c.after) for c in diff(before, without)] == [
        ("wit", "Is it witty?", None)
    ]
    assert [(c.where, c.before, c.after) for c in diff(without, before)] == [
        ("wit", None, "Is it witty?")
    ]
    anchor = parse(SMALL.replace("It is rude.", "It insults."))
    (change,) = diff(before, anchor)
    assert (change.where, change.effect) == ("tone.points[1].anchor", "meaning")
