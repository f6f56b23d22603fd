"""annotate judge: disagreements, watch, compare, test, refit: what stands behind a judge's figures."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from annotate.reports.between_rounds import BetweenRounds, Period
    from annotate.reports.iteration import Iteration

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
JudgeName = Annotated[str, typer.Argument(metavar="JUDGE[@VERSION]")]
RoundName = Annotated[str, typer.Option("--round", help="The round whose people it is beside.")]
Criterion = Annotated[str, typer.Option("--criterion", help="The criterion.")]


def disagreements(
    judge: JudgeName,
    round_: RoundName,
    criterion: Criterion,
    segment: Annotated[str | None, typer.Option("--segment", help="Of this segment only.")] = None,
    json: AsJson = False,
) -> None:
    """The units on which a judge and people differ, the farthest apart first, with both reasons.

    Units of the test split are held back until `annotate judge test` has opened it for this
    version. Exit code 1 if there are any.

    Example: annotate judge disagreements strict --round May --criterion faithfulness
    """
    from annotate.cli import console
    from annotate.reports.calibration import judges_of
    from annotate.reports.disagreements import disagreements as report
    from annotate.reports.disagreements import held_back
    from annotate.reports.drift import version_there
    from annotate.rounds import get_round

    with console.database().read() as session:
        found_round = get_round(session, round_)
        name = version_there(judge, judges_of(session, found_round, by=None))
        found = report(
            session, found_round, judge=name, criterion=criterion, segment=segment, by=None
        )
        held = held_back(
            session, found_round, judge=name, criterion=criterion, segment=segment, by=None
        )
    if json:
        console.show_json(
            {"round": round_, "held_back": held, "rows": [one.as_json() for one in found]}
        )
    elif not found:
        console.note(f"{name} differs from people's middle value on none of these units.")
    else:
        console.show_table(
            [
                [
                    one.unit, one.segment, *one.labels,
                    "" if one.categories else f"{one.difference:+z.2f}", one.error or "",
                    one.reason or "",
                ]
                for one in found
            ],
            ["unit", "segment", "people", "judge", "difference", "error", "the judge's reason"],
        )  # fmt: skip
    if held:
        console.note(
            f"{held} units of the test split are held back: annotate judge test {name} --round "
            f"{round_} --criterion {criterion} opens it."
        )
    if found:
        raise typer.Exit(1)


def watch(
    judge: JudgeName,
    round_: Annotated[str, typer.Option("--round", help="The round since which to look.")],
    criterion: Criterion,
    period: Annotated[str, typer.Option("--period", help="week or day.")] = "week",
    json: AsJson = False,
) -> None:
    """Between rounds: has the judge's mean on traffic left its limits, so that a round is due?

    Beside outputs that it scored from before the round. Exit code 1: a round is due. 3: too little
    to chart.

    Example: annotate judge watch strict --round May --criterion faithfulness
    """
    from annotate.cli import console
    from annotate.errors import BadInput
    from annotate.judge import judges
    from annotate.reports.between_rounds import between_rounds
    from annotate.rounds import get_round

    if period not in ("week", "day"):
        raise BadInput(f"--period {period}: week and day are known")
    chosen: Period = "day" if period == "day" else "week"
    with console.database().read() as session:
        found = between_rounds(
            session,
            get_round(session, round_),
            judge=judges.rater_named(session, judge).name,
            criterion=criterion,
            period=chosen,
            by=None,
        )
    if json:
        console.show_json(found.as_json())
    elif not found.lines and not found.without:
        console.note(
            f"{found.judge} has no scores of {criterion} on outputs since round {round_}: there is "
            "nothing to chart. annotate judge run has it grade traffic."
        )
    else:
        if found.lines:
            _show_lines(found)
        for segment, why in found.without.items():
            console.note(f"{segment}: {why}.")
    if found.due:
        raise typer.Exit(1)
    if not found.lines:
        raise typer.Exit(3)


def _show_lines(found: "BetweenRounds") -> None:
    """Each segment's line beside its limits."""
    from annotate.cli import console

    console.show_table(
        [
            [
                line.segment,
                f"{line.baseline.centre:z.2f} ({line.baseline_size})",
                str(int(line.sizes.sum())),
                f"{line.chart.line[-1]:+z.2f} of ±{line.chart.limit:z.2f}",
                "within its limits" if line.alarm is None else f"out since {line.alarm}",
            ]
            for line in found.lines
        ],
        ["segment", "before", "scores since", "line", "a round"],
    )


def compare(
    saved: Annotated[str, typer.Argument(metavar="SAVED")],
    current: Annotated[str, typer.Argument(metavar="CURRENT")],
    round_: RoundName,
    criterion: Criterion,
    json: AsJson = False,
) -> None:
    """Two judges, or two versions of one, beside people on the dev split of a round.

    Both must have scored the round. Exit code 1: the current one follows people less. 3: too few
    units.

    Example: annotate judge compare strict@1 strict@2 --round May --criterion faithfulness
    """
    from annotate.cli import console
    from annotate.judge import judges
    from annotate.reports.iteration import compare_judges
    from annotate.rounds import get_round

    with console.database().read() as session:
        found = compare_judges(
            session,
            get_round(session, round_),
            saved=judges.rater_named(session, saved).name,
            current=judges.rater_named(session, current).name,
            criterion=criterion,
            by=None,
        )
    _show_iteration(found, json)
    sides = [one.result.weighted_kappa.value for one in (found.saved, found.current)]
    if None in sides:
        raise typer.Exit(3)
    if len(found.broken) > len(found.mended):
        raise typer.Exit(1)


def test(judge: JudgeName, round_: RoundName, criterion: Criterion, json: AsJson = False) -> None:
    """Open the test split for a judge whose prompt is settled. It is logged for good.

    What is looked at often is no test any more: open it once.

    Example: annotate judge test strict --round May --criterion faithfulness
    """
    from annotate.cli import console
    from annotate.judge import judges
    from annotate.reports.iteration import open_test, openings
    from annotate.rounds import get_round

    with console.database().write() as session:
        name = judges.rater_named(session, judge).name
        found = open_test(
            session, get_round(session, round_), judge=name, criterion=criterion, by=None
        )
        times = openings(session, name, by=None)
    _show_iteration(found, json, test_opened=times)
    if found.current.result.weighted_kappa.value is None:
        raise typer.Exit(3)


def refit(
    judge: JudgeName,
    round_: RoundName,
    criterion: Criterion,
    save: Annotated[
        bool, typer.Option("--save", help="Add the judge with these cut points as a new version.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Fit the scores from which a judge gives each level to people on the dev split.

    From what it has answered: no question is asked, and none by `judge run` of the new version.
    Exit code 3: too few units.

    Example: annotate judge refit strict --round May --criterion faithfulness --save
    """
    from annotate.cli import console
    from annotate.judge import judges
    from annotate.reports.iteration import refit as fitted
    from annotate.rounds import get_round

    added = None
    with console.database().write() as session:
        one = judges.get_judge(session, judge, by=None)
        found = fitted(
            session, get_round(session, round_), judge=one.rater.name, criterion=criterion, by=None
        )
        if save and found.cuts is not None:
            added = judges.with_cut_points(
                session, one, {criterion: found.cuts}, by=None
            ).rater.name
    if json:
        console.show_json(
            {
                "judge": one.rater.name,
                "criterion": criterion,
                "cuts": found.cuts,
                "before": found.before.as_json(),
                "after": found.after.as_json(),
                "added": added,
            }
        )
    else:
        cuts = "none" if found.cuts is None else ", ".join(f"{cut:.3g}" for cut in found.cuts)
        console.note(
            f"Cut points of {criterion}: {cuts}. Kappa {console.figure(found.before)} at the nearest "
            f"points, {console.figure(found.after)} at the cuts on units not used to fit them."
        )
        if added:
            console.note(f"{added} has them: annotate judge run {added} --round {round_}")
    if found.cuts is None:
        raise typer.Exit(3)


def _show_iteration(found: "Iteration", json: bool, **more: int) -> None:
    from annotate.cli import console
    from annotate.stats import p_words

    if json:
        console.show_json(found.as_json() | more)
        return
    sides = (
        [found.saved] if found.saved.judge == found.current.judge else [found.saved, found.current]
    )
    console.show_table(
        [
            [
                one.judge,
                console.figure(one.result.weighted_kappa),
                console.figure(one.result.ceiling.weighted_kappa),
                str(one.false_passes),
                str(one.false_fails),
                one.result.verdict,
            ]
            for one in sides
        ],
        ["judge", "kappa", "ceiling", "false passes", "false fails", "verdict"],
        title=f"{found.criterion} on the {found.split} split of {found.round}: {found.units} units",
    )
    if found.left_out:
        console.note(f"{found.left_out} units are left out: a judge has seen their case.")
    if len(sides) == 2:
        p = "" if found.p is None else f" (sign test: p {p_words(found.p)})"
        console.note(f"Mended {len(found.mended)}, broken {len(found.broken)}{p}.")
    if found.exploratory:
        console.note("Exploratory: too few units were rated for a part of them to decide anything.")
    for times in more.values():
        console.note(f"The test split was opened {times} times for this judge.")


COMMANDS = (disagreements, watch, compare, test, refit)
