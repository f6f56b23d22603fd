"""A round's report as one HTML file: it prints well, needs nothing else and runs nothing."""

from collections import Counter
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlmodel import Session

from annotate import design_words, people, progress, rounds
from annotate.adjudication import disputes
from annotate.reports.agreement import agreement_report
from annotate.reports.calibration import CalibrationRow, calibration_report
from annotate.reports.causes import explained
from annotate.reports.panel import panel
from annotate.stats import Figure
from db.tables import Rater, Round, now

WIDTH = 220
"""Of an interval's drawing, in pixels."""


def round_document(session: Session, round_: Round, *, by: Rater | None) -> str:
    """The report of a round as it stands: design, progress, agreement, judges, raters, disputes.

    Refused to a lead who rates in the round while it is open.
    """
    people.require_lead(session, by)
    rounds.refuse_its_raters(round_, by, "its report is written")
    agreement = agreement_report(session, round_, by=by)
    calibration = calibration_report(session, round_, by=by)
    compares = round_.design.get("compares")
    causes = [] if compares else explained(session, round_, by=by, settled=True)
    document = {
        "round": round_,
        "written_at": now(),
        "design": design_words.sentences(round_.design),
        "progress": progress.progress(session, round_, by=by),
        "criteria": list(dict.fromkeys(row.criterion for row in agreement.rows)),
        "agreement": agreement.rows,
        "judges": _by_judge(calibration.rows),
        "panel": panel(session, round_, by=by),
        "causes": Counter(one.cause for one in causes),
        "waiting": len(disputes(session, round_, by=by)),
    }
    text: str = _template().render(**document)
    return text


def _by_judge(rows: list[CalibrationRow]) -> dict[str, list[CalibrationRow]]:
    found: dict[str, list[CalibrationRow]] = {}
    for row in rows:
        found.setdefault(row.judge, []).append(row)
    return found


def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("annotate.reports", "templates"),
        # Names and texts are of strangers: everything is escaped.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": _words, "percent": _percent, "signed": _signed}
    environment.globals["drawn"] = _drawn
    return environment.get_template("round.html")


def _words(figure: Figure) -> str:
    return _said(figure, "{:.2f}")


def _signed(figure: Figure) -> str:
    return _said(figure, "{:+.2f}")


def _percent(figure: Figure) -> str:
    return _said(figure, "{:.0%}")


def _said(figure: Figure, form: str) -> str:
    """The value with its interval, or the reason why there is none."""
    if figure.value is None:
        return figure.reason or "undefined"
    said = form.format(figure.value)
    if figure.low is None or figure.high is None:
        return said
    return f"{said} [{form.format(figure.low)}, {form.format(figure.high)}]"


def _drawn(figure: Figure, low: float = -0.2, high: float = 1.0) -> dict[str, float] | None:
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
