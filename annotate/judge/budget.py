"""What a run may cost, has cost, and still has room for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from annotate.judge import prices, prompt, spec
from annotate.judge.judges import Judge
from db.tables import JudgeRun, JudgeTask, JudgeVerdict, Output

OUTPUT_TOKENS = 400
"""What an answer is thought to take before the first is there."""


@dataclass(frozen=True)
class Planned:
    """What a run would ask and cost."""

    tasks: int
    cached: int
    """Of those, answered before: asked and paid for no more."""
    tokens: int
    usd: float | None
    """None where the price is not known."""


def expectation(session: Session, run: JudgeRun, judge: Judge) -> Planned:
    """What is left of a run: questions, tokens and USD, from the length of what is asked."""
    tokens, usd = 0, 0.0
    for criterion, output in _open(session, run, "queued", "leased"):
        one = estimated(judge, criterion, judge.fields(output))
        tokens += sum(one.values())
        usd += prices.cost(judge.spec, one) or 0.0
    known = prices.source(judge.spec) is not None
    done = run.counts.get("done", 0)
    return Planned(sum(run.counts.values()), done, tokens, usd if known else None)


def estimated(judge: Judge, criterion: str, fields: Mapping[str, Any]) -> dict[str, int]:
    """Tokens that one question may take: a quarter of its characters, and a full answer."""
    if judge.spec.engine == "lexical":
        return {"input": 0, "output": 0}
    characters = len(judge.asks[criterion]) + len(prompt.user(fields, "0" * 8))
    return {"input": -(-characters // 4), "output": OUTPUT_TOKENS}


def used(run: JudgeRun) -> int:
    """Tokens that a run has taken; those that a server remembered are among its input."""
    return run.tokens.get("input", 0) + run.tokens.get("output", 0)


def spent(run: JudgeRun) -> bool:
    """Whether nothing of the budget is left."""
    return (run.budget_usd is not None and run.cost_usd >= run.budget_usd) or (
        run.budget_tokens is not None and used(run) >= run.budget_tokens
    )


def add_to(run: JudgeRun, usage: Mapping[str, int], cost: float | None) -> None:
    """Count what an answer took."""
    names = {*run.tokens, *usage}
    run.tokens = {name: run.tokens.get(name, 0) + usage.get(name, 0) for name in names}
    run.cost_usd += cost or 0.0


def limited(run: JudgeRun) -> bool:
    """Whether it has a budget."""
    return run.budget_usd is not None or run.budget_tokens is not None


class Room:
    """Whether the budget has room for another question, all that are in flight counted.

    What is asked is reserved by its bytes: no token has less than one. An answer is reserved by
    the limit that the judge's file sets, else by twice the longest so far; while there is neither,
    one question is asked at a time.
    """

    def __init__(self, session: Session, run: JudgeRun, judge: Judge) -> None:
        self._judge, self._run = judge, run
        self.in_flight = 0
        self.lack = ""
        """Why the last question that was refused had no room, in words."""
        self._tokens, self._usd = used(run), run.cost_usd
        if not limited(run):
            return
        longest, bound = _longest(session, run), _bound(judge)
        self._known = longest > 0 or bound is not None
        self._answer = max(OUTPUT_TOKENS, 2 * longest)
        if bound is not None and longest <= bound:
            self._answer = bound
        for criterion, output in _open(session, run, "leased"):
            self.in_flight += 1
            self._add(criterion, judge.fields(output))

    def takes(self, criterion: str, fields: Mapping[str, Any]) -> bool:
        """Count another question in, where there is room."""
        if not limited(self._run):
            return True
        if self.in_flight and not self._known:
            return False
        tokens, usd = self._tokens, self._usd
        self._add(criterion, fields)
        over = (self._run.budget_tokens is not None and self._tokens > self._run.budget_tokens) or (
            self._run.budget_usd is not None and self._usd > self._run.budget_usd
        )
        if over:
            self.lack = self._lacks(self._tokens - tokens, self._usd - usd)
            self._tokens, self._usd = tokens, usd
        else:
            self.in_flight += 1
        return not over

    def _lacks(self, tokens: int, usd: float) -> str:
        run = self._run
        told = []
        if run.budget_usd is not None:
            told.append(
                f"{run.cost_usd:.4f} of {run.budget_usd:.4f} USD are spent, and the next question "
                f"may take up to {usd:.4f}"
            )
        if run.budget_tokens is not None:
            told.append(
                f"{used(run):,} of {run.budget_tokens:,} tokens are spent, and the next question "
                f"may take up to {tokens:,}"
            )
        return "; ".join(told)

    def _add(self, criterion: str, fields: Mapping[str, Any]) -> None:
        if self._judge.spec.engine == "lexical":
            return
        asked = len(prompt.user(fields, "0" * 8).encode("utf-8", "replace"))
        one = {"input": self._judge.bytes_asked[criterion] + asked, "output": self._answer}
        self._tokens += sum(one.values())
        self._usd += prices.cost(self._judge.spec, one) or 0.0


def _open(session: Session, run: JudgeRun, *states: str) -> list[tuple[str, Output]]:
    """The criterion and output of each of the run's questions in these states."""
    rows = session.exec(
        select(JudgeTask.criterion, Output)
        .join(Output, col(Output.id) == JudgeTask.output_id)
        .where(JudgeTask.run_id == run.id, col(JudgeTask.state).in_(states))
    )
    return [(criterion, output) for criterion, output in rows]


def _bound(judge: Judge) -> int | None:
    said = [judge.spec.parameters.get(name) for name in spec.BOUNDS]
    return min([n for n in said if isinstance(n, int) and n > 0], default=None)


def _longest(session: Session, run: JudgeRun) -> int:
    """Tokens of the longest of this judge's latest answers."""
    its = select(JudgeRun.id).where(JudgeRun.rater_id == run.rater_id)
    found = session.exec(
        select(JudgeVerdict.tokens)
        .where(col(JudgeVerdict.run_id).in_(its))
        .order_by(col(JudgeVerdict.id).desc())
        .limit(200)
    )
    return max([(tokens or {}).get("output", 0) for tokens in found], default=0)
