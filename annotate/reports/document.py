"""A round's report as one HTML file: it prints well, needs nothing else and runs nothing."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlmodel import Session

from annotate import design_words, people, progress, rounds
from annotate.errors import AnnotateError, in_words
from annotate.judge.judges import is_floor
from annotate.reports.agreement import AgreementRow, agreement_report
from annotate.reports.calibration import CalibrationRow, calibration_report
from annotate.reports.drift import DriftReport, drift_report, plain_name
from annotate.reports.panel import Panel, PanelRow, panel
from annotate.reports.passing import pass_rates
from annotate.reports.settled import settled
from annotate.stats import Figure
from db.tables import Rater, Round, now

WIDTH = 150
"""Of an interval's drawing, in pixels."""
LOWEST = -0.2
"""Where an interval's drawing begins, unless one reaches further down."""


def round_document(session: Session, round_: Round, *, by: Rater | None) -> str:
    """The report of a round as it stands: design, progress, agreement, judges, raters, disputes.

    Refused to a lead who rates in the round while it is open.
    """
    people.require_lead(session, by)
    rounds.refuse_its_raters(round_, by, "its report is written")
    agreement = agreement_report(session, round_, by=by)
    calibration = calibration_report(session, round_, by=by)
    names = {row.judge for row in calibration.rows}
    floors = {name for name in names if is_floor(people.get_rater(session, name))}
    judged = [row for row in calibration.rows if row.judge not in floors]
    disputes = [] if round_.design.get("compares") else settled(session, round_, by=by)
    figures = [row.result.alpha for row in agreement.rows]
    figures += [row.result.weighted_kappa for row in calibration.rows]
    told, silent = _told(agreement.rows)
    document = {
        "round": round_,
        "written_at": now(),
        "design": design_words.sentences(round_.design),
        "progress": progress.progress(session, round_, by=by),
        "agreement": told,
        "silent": silent,
        "passing": _by(pass_rates(session, round_, by=by), "criterion"),
        "judges": _by(judged, "judge"),
        "floors": _by((row for row in calibration.rows if row.judge in floors), "judge"),
        "drift": _drift(session, round_, judged, by),
        "raters": _raters(panel(session, round_, by=by)),
        "causes": Counter(one.cause for one in disputes),
        "disputes": disputes,
        "waiting": sum(one.decision is None for one in disputes),
    }
    text: str = _template(_lowest(figures)).render(**document)
    return text


def _by(rows: Iterable[Any], name: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[getattr(row, name)].append(row)
    return dict(found)


@dataclass(frozen=True)
class _Told:
    """A criterion's rows that have a figure, and why others have none: the segments by reason."""

    rows: list[AgreementRow]
    few: dict[str, list[str]]


def _told(rows: Sequence[AgreementRow]) -> tuple[dict[str, _Told], dict[str, list[str]]]:
    """By criterion; and the criteria that have no figure anywhere, by the reason.

    What there is nothing to say of is said once, and not in a table of its own.
    """
    told, silent = {}, defaultdict(list)
    for criterion, of_criterion in _by(rows, "criterion").items():
        shown, few = [], defaultdict(list)
        for row in of_criterion:
            if any(figure.value is not None for figure in _figures(row)):
                shown.append(row)
            else:
                few[row.result.alpha.reason or "undefined"].append(row.segment or "all segments")
        if shown:
            told[criterion] = _Told(shown, dict(few))
        else:
            silent[of_criterion[0].result.alpha.reason or "undefined"].append(criterion)
    return told, dict(silent)


def _figures(row: AgreementRow) -> tuple[Figure, Figure, Figure]:
    return row.result.alpha, row.result.ac, row.result.percent


@dataclass(frozen=True)
class _Drift:
    """Drift of one judge since the baseline round."""

    judge: str
    report: DriftReport | None
    missing: str
    """Why there is none."""


def _drift(
    session: Session, round_: Round, rows: Sequence[CalibrationRow], by: Rater | None
) -> list[_Drift]:
    """Of every judge that scored the round, where it has a baseline."""
    if round_.baseline_id is None:
        return []
    baseline = session.get_one(Round, round_.baseline_id)
    found = []
    for judge in dict.fromkeys(plain_name(row.judge) for row in rows):
        try:
            report = drift_report(session, baseline, round_, judge=judge, by=by)
            found.append(_Drift(judge, report, ""))
        except AnnotateError as error:
            found.append(_Drift(judge, None, in_words(error)))
    return found


@dataclass(frozen=True)
class _Raters:
    """A criterion's raters side by side; of tags, all of them in one table."""

    rows: list[tuple[PanelRow, str]]
    """Each with how they use the scale, in words."""
    tags: bool


def _raters(found: Panel) -> dict[str, _Raters]:
    """By criterion. Of a tag's two values the second says how often it was given."""
    made: dict[str, _Raters] = {}
    tags: dict[str, dict[str, list[PanelRow]]] = defaultdict(lambda: defaultdict(list))
    for row in found.rows:
        criterion, dot, _ = row.criterion.partition(".")
        if dot:
            tags[criterion][row.rater].append(row)
            continue
        words = _use(zip(found.domains[row.criterion], row.use, strict=False))
        made.setdefault(row.criterion, _Raters([], tags=False)).rows.append((row, words))
    for criterion, of_raters in tags.items():
        rows = []
        for of_tags in of_raters.values():
            used = [(row.criterion.partition(".")[2], row.use[-1]) for row in of_tags if row.use]
            most = max(of_tags, key=lambda row: row.ratings)
            rows.append((most, _use(used) or "no tag"))
        made[criterion] = _Raters(rows, tags=True)
    return made


def _use(shares: Iterable[tuple[str, float]]) -> str:
    return " · ".join(f"{label} {share:.0%}" for label, share in shares if share > 0)


def _lowest(figures: Sequence[Figure]) -> float:
    """Where the drawings begin, so that none is cut off."""
    lows = [low for one in figures for low in (one.low, one.value) if low is not None]
    return min(LOWEST, floor(10 * min(lows, default=0.0)) / 10)


def _template(lowest: float) -> Any:
    environment = Environment(
        loader=PackageLoader("annotate.reports", "templates"),
        # Names and texts are of strangers: everything is escaped.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "figure": Figure.words,
        "percent": lambda figure: figure.words("{:.0%}"),
        "signed": lambda figure: figure.words("{:+z.2f}"),
    }
    environment.globals |= {
        "drawn": lambda figure: _drawn(figure, lowest),
        "lowest": f"{lowest:z.1f}".replace("-", "−"),
        "width": WIDTH,
    }
    return environment.get_template("round.html")


def _drawn(figure: Figure, low: float, high: float = 1.0) -> dict[str, float] | None:
    """Where an interval is drawn between `low` and `high`, in pixels; None without a number."""
    if figure.value is None:
        return None

    def place(value: float) -> float:
        return round(WIDTH * (min(high, max(low, value)) - low) / (high - low), 1)

    ends = (figure.low, figure.high)
    return {
        "value": place(figure.value),
        "low": place(figure.value if ends[0] is None else ends[0]),
        "high": place(figure.value if ends[1] is None else ends[1]),
        "zero": place(0.0),
    }
