"""A dispute as a lead sees it: what was rated, and every vote on it."""

from typing import Any

import pytest

from annotate import adjudication, outputs, pairs, rounds
from annotate.ui import dispute, viewer
from db.engine import Database
from tests.pages.apps import app_of
from tests.unit import test_pairs


def sides() -> None:
    from annotate import adjudication, rounds
    from annotate.ui import dispute, session

    with session.database().read() as db:
        round_ = rounds.get_round(db, "P")
        (found, *_) = adjudication.disputes(db, round_, by=None)
        dispute.show_sides(found, rounds.rubric_of(db, round_))


def test_a_disputed_pair_shows_both_responses_and_which_stood_as_a(
    workspace_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_pairs.filled(workspace_database)
    with workspace_database.write() as session:
        rounds.launch_round(session, test_pairs.design(), by=None)
    test_pairs.prefer(workspace_database, Ada="v1", Ben="v2")
    with workspace_database.read() as session:
        round_ = rounds.get_round(session, "P")
        (found, *_) = adjudication.disputes(session, round_, by=None)
        output = outputs.get_output(session, found.decision.output, by=None)
        rival = pairs.rival_of(session, round_, found.decision.unit)
    drawn: dict[str, Any] = {}
    monkeypatch.setattr(viewer, "show_output", drawn.update)
    dispute.show_output(output, rival)
    assert (drawn["response"][:2], drawn["rival"][:2]) == ("v1", "v2")
    assert drawn["names"] == ("of the base, v1", "of the candidate, v2")
    app = app_of(sides).run()
    said = [one.value for one in app.caption if one.value.startswith("A was the")]
    assert said == [
        f"A was the {'candidate' if vote.swapped else 'base'}" for vote in found.votes
    ]  # fmt: skip


def card_of_a_pair() -> None:
    from annotate.own_card import Card, Difference
    from annotate.rubric import builtin
    from annotate.ui import own_work

    apart = Difference(
        "better", "A is better", "B is better", "majority", "What stood as A.", "What stood as B.",
        "The question.", 1.0,
    )  # fmt: skip
    own_work.show_card(Card(4, 5.0, 0, 0, 4, 3, [apart]), builtin("pairwise"))


def test_the_card_of_pairs_has_both_responses_under_their_letters() -> None:
    app = app_of(card_of_a_pair).run()
    said = [one.value for one in (*app.markdown, *app.text)]
    assert "You: A is better. All together: B is better (majority)." in said
    assert [one for one in said if one.startswith("**Response")] == [
        "**Response A**",
        "**Response B**",
    ]
    assert {"What stood as A.", "What stood as B."} <= set(said)
