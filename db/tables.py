"""The tables: one row is what the class docstring says.

Ratings and events are append-only and a launched round's design is frozen; triggers in
`db/migrations` make the database itself refuse anything else.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware time: stored as UTC and returned as UTC on every engine."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Json = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


class Output(SQLModel, table=True):
    """One thing a system produced in answer to an input."""

    __tablename__ = "output"

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)
    """The user's own id of the output; `id` in files."""
    case_key: str = Field(index=True)
    configuration: str
    segment: str = Field(index=True)
    input: Any = Field(sa_type=Json)
    """A text, or a list of {role, content}."""
    response: str
    contexts: list[str] = Field(default_factory=list, sa_type=Json)
    reference: str | None = None
    occurred_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    latency_ms: float | None = None
    ttft_ms: float | None = None
    error: str | None = None
    cost: dict[str, float] | None = Field(default=None, sa_type=Json)
    """US dollars by component."""
    tokens: dict[str, int] | None = Field(default=None, sa_type=Json)
    thumb: int | None = None
    """The user's thumb: -1, 0 or 1."""
    regenerated: bool = False
    escalated: bool = False
    extra: dict[str, Any] = Field(
        default_factory=dict, sa_column=sa.Column("metadata", Json, nullable=False)
    )
    """What the file calls `metadata` (SQLModel keeps that name for itself)."""
    content_hash: str
    imported_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Rubric(SQLModel, table=True):
    """A rubric version; immutable."""

    __tablename__ = "rubric"
    __table_args__ = (sa.UniqueConstraint("name", "version"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str
    version: int
    title: str
    document: dict[str, Any] = Field(sa_type=Json)
    source: str
    """The YAML as it was written, comments and all."""
    hash: str = Field(index=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Rater(SQLModel, table=True):
    """Who rates: a person, an LLM judge at one exact version, or another automated score."""

    __tablename__ = "rater"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    kind: str = "human"
    """human, judge or metric."""
    role: str = "rater"
    """rater or lead."""
    email: str | None = None
    identity: dict[str, Any] | None = Field(default=None, sa_type=Json)
    """For a judge: model, prompt hash, rubric hash, parameters."""
    simulated: bool = False
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    link_hash: str | None = Field(default=None, unique=True)
    """SHA-256 of the personal join link's token; the token itself is never stored."""
    password_hash: str | None = None
    """Argon2 of the password, with its salt and parameters; None where there is no password."""
    signed_out_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When every sign-in was ended at once: a sign-in elsewhere from before counts no more."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class SignIn(SQLModel, table=True):
    """A browser that is signed in as a rater."""

    __tablename__ = "sign_in"

    id: int | None = Field(default=None, primary_key=True)
    rater_id: int = Field(foreign_key="rater.id", index=True)
    token_hash: str = Field(unique=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class FailedSignIn(SQLModel, table=True):
    """A password that was wrong: what slows down who tries many."""

    __tablename__ = "failed_sign_in"
    __table_args__ = (sa.Index("ix_failed_sign_in_subject_at", "subject", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    subject: str
    """SHA-256 of the name that was given, or of the address that it came from."""
    at: datetime = Field(sa_type=UtcDateTime)


class Round(SQLModel, table=True):
    """A frozen campaign of rating."""

    __tablename__ = "round"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    status: str = Field(default="draft", index=True)
    """draft, open or closed."""
    rubric_id: int = Field(foreign_key="rubric.id", index=True)
    baseline_id: int | None = Field(default=None, foreign_key="round.id")
    overlap: int
    seed: str
    design: dict[str, Any] = Field(sa_type=Json)
    """Everything that was decided at launch, units excepted; see `annotate.rounds`."""
    design_hash: str
    """SHA-256 over the design and every unit of it."""
    launched_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Unit(SQLModel, table=True):
    """What is rated in a round: one output, or an ordered pair of outputs of one case."""

    __tablename__ = "unit"
    __table_args__ = (
        sa.UniqueConstraint("round_id", "key"),
        sa.CheckConstraint("missing >= 0 AND missing <= overlap", "missing"),
        sa.Index(
            "ix_unit_repeats",
            "round_id",
            "repeats_id",
            sqlite_where=sa.text("repeats_id IS NOT NULL"),
            postgresql_where=sa.text("repeats_id IS NOT NULL"),
        ),
        # The claim walks this index from its start (half-rated units first) and stops at the
        # first free unit, so its length does not depend on how many units are done.
        sa.Index(
            "ix_unit_open",
            "round_id",
            "missing",
            "rank",
            sqlite_where=sa.text("missing > 0"),
            postgresql_where=sa.text("missing > 0"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    round_id: int = Field(foreign_key="round.id")
    key: str
    """The output's key; a repeat adds `#repeat`. Unique in the round."""
    output_id: int = Field(foreign_key="output.id", index=True)
    rival_id: int | None = Field(default=None, foreign_key="output.id")
    purpose: str
    """fresh, anchor, repeat or check."""
    repeats_id: int | None = Field(default=None, foreign_key="unit.id")
    """For a repeat: the unit that is shown again."""
    stratum: str
    inclusion_probability: float | None = None
    """None for units that were chosen on purpose: anchors, checks."""
    overlap: int
    rank: int
    missing: int
    """Counted submissions still wanted: `overlap` at launch, 0 when the unit is done."""


class Assignment(SQLModel, table=True):
    """One rater's claim on one unit in a round."""

    __tablename__ = "assignment"
    __table_args__ = (
        sa.UniqueConstraint("unit_id", "rater_id"),
        sa.Index("ix_assignment_desk", "round_id", "rater_id", "state"),
        sa.Index("ix_assignment_history", "round_id", "rater_id", "submitted_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    round_id: int = Field(foreign_key="round.id")
    unit_id: int = Field(foreign_key="unit.id")
    rater_id: int = Field(foreign_key="rater.id")
    state: str
    """claimed, submitted, skipped, expired, or sent: a lead wants this rater's view too."""
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    claimed_at: datetime = Field(sa_type=UtcDateTime)
    submitted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    seconds: float = 0.0
    """Active work."""
    idempotency_key: str | None = None
    """Of the last accepted submission: the same key again is the same acknowledgement."""
    earlier_keys: list[str] | None = Field(default=None, sa_type=Json)
    """Of the submissions before it: late duplicates of theirs store nothing either."""
    sitting: int = 0
    """How often it was reopened: a screen that was drawn before the last time is stale."""
    extra: bool = False
    """Submitted after its place was given to others: kept, not counted."""
    draft: dict[str, Any] | None = Field(default=None, sa_type=Json)
    draft_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    draft_version: int = 0
    """How often the draft was changed: who goes by an earlier one does not replace it."""
    draft_screen: str | None = None
    """The screen that changed it last: what it says next follows on its own."""
    skip_reason: str | None = None
    flag: str | None = None
    """What the rater wants the lead to look at."""


class Rating(SQLModel, table=True):
    """One rater's value on one criterion of one unit; append-only."""

    __tablename__ = "rating"
    __table_args__ = (
        sa.Index("ix_rating_round", "round_id", "criterion"),
        sa.Index("ix_rating_output", "output_id", "rater_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    round_id: int | None = Field(default=None, foreign_key="round.id")
    unit_id: int | None = Field(default=None, foreign_key="unit.id", index=True)
    output_id: int = Field(foreign_key="output.id")
    rater_id: int = Field(foreign_key="rater.id")
    assignment_id: int | None = Field(default=None, foreign_key="assignment.id", index=True)
    judge_run_id: int | None = Field(default=None, foreign_key="judge_run.id")
    criterion: str
    """The criterion's id; a tag is `criterion.option`."""
    value: float | None = None
    text: str | None = None
    """The answer to a text criterion; such a criterion has no value."""
    abstained: str | None = None
    """not_applicable or cannot_judge."""
    rationale: str | None = None
    evidence: list[dict[str, Any]] | None = Field(default=None, sa_type=Json)
    """Spans that decided: {field, start, end} in characters."""
    seen: list[str] | None = Field(default=None, sa_type=Json)
    """What was on screen: input, contexts, response, reference, configuration, judge, others.
    None where nobody recorded it (imports)."""
    run: int = 1
    """Which repetition by the same automated rater, from 1."""
    extra: bool = False
    adjudication: bool = False
    supersedes_id: int | None = Field(default=None, foreign_key="rating.id", unique=True)
    rated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    seconds: float | None = None
    cost_usd: float | None = None
    latency_ms: float | None = None


class JudgeRun(SQLModel, table=True):
    """A run of a judge over a scope; resumable."""

    __tablename__ = "judge_run"

    id: int | None = Field(default=None, primary_key=True)
    rater_id: int = Field(foreign_key="rater.id", index=True)
    round_id: int | None = Field(default=None, foreign_key="round.id")
    scope: dict[str, Any] = Field(sa_type=Json)
    state: str
    """planned, running, paused, done, budget_exceeded, aborted or cancelled."""
    counts: dict[str, int] = Field(default_factory=dict, sa_type=Json)
    tokens: dict[str, int] = Field(default_factory=dict, sa_type=Json)
    cost_usd: float = 0.0
    budget_usd: float | None = None
    budget_tokens: int | None = None
    note: str | None = None
    """Why it stopped, in words."""
    beat_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When a process last worked on it; an old one says that nobody does."""
    started_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    """When its process began, or began again."""
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class JudgeVerdict(SQLModel, table=True):
    """What a judge answered once to one criterion of one output; append-only."""

    __tablename__ = "judge_verdict"
    __table_args__ = (
        # An answer is paid for once: by question, content and sample.
        sa.Index(
            "uq_judge_verdict_settled",
            "key",
            unique=True,
            sqlite_where=sa.text("status IN ('ok', 'cannot_judge')"),
            postgresql_where=sa.text("status IN ('ok', 'cannot_judge')"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    key: str
    """SHA-256 of what was asked of whom, what it was shown, and the sample."""
    run_id: int = Field(foreign_key="judge_run.id", index=True)
    output_id: int = Field(foreign_key="output.id", index=True)
    criterion: str
    sample: int = 1
    status: str
    """ok, cannot_judge, refused, truncated, filtered, invalid or failed."""
    answer: dict[str, Any] | None = Field(default=None, sa_type=Json)
    score: float | None = None
    """The expected value over the levels where there are probabilities, else the level."""
    score_source: str | None = None
    probabilities: dict[str, float] | None = Field(default=None, sa_type=Json)
    critique: str | None = None
    evidence: list[str] | None = Field(default=None, sa_type=Json)
    injection_suspected: bool = False
    problem: str | None = None
    attempt: int = 1
    model: str | None = None
    """As the server named it, which may be another than was asked for."""
    fingerprint: str | None = None
    request_id: str | None = None
    tokens: dict[str, int] | None = Field(default=None, sa_type=Json)
    cost_usd: float | None = None
    price_source: str | None = None
    latency_ms: float | None = None
    raw: str | None = None
    """The body of the response."""
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class JudgeTask(SQLModel, table=True):
    """One question of a run: one criterion of one output, asked once."""

    __tablename__ = "judge_task"
    __table_args__ = (
        sa.UniqueConstraint("run_id", "output_id", "criterion", "sample"),
        sa.Index("ix_judge_task_claim", "run_id", "state", "not_before"),
    )

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="judge_run.id")
    output_id: int = Field(foreign_key="output.id")
    unit_id: int | None = Field(default=None, foreign_key="unit.id")
    criterion: str
    sample: int = 1
    key: str
    state: str = "queued"
    """queued, leased, done or failed."""
    attempts: int = 0
    not_before: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    verdict_id: int | None = Field(default=None, foreign_key="judge_verdict.id")
    problem: str | None = None


class Gold(SQLModel, table=True):
    """An accepted gold label: one criterion of one output."""

    __tablename__ = "gold"
    __table_args__ = (
        # One label in force per output and criterion; earlier ones stay as history.
        sa.Index(
            "uq_gold_in_force",
            "output_id",
            "criterion",
            unique=True,
            sqlite_where=sa.text("retired_at IS NULL"),
            postgresql_where=sa.text("retired_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    output_id: int = Field(foreign_key="output.id")
    round_id: int = Field(foreign_key="round.id", index=True)
    rubric_hash: str
    criterion: str
    """The criterion's key; `field:reference` for a text, whatever asked for it."""
    value: float | None
    """None where the label is a text: an ideal answer, the reference of its case."""
    text: str | None = None
    label: str
    votes: dict[str, int] = Field(sa_type=Json)
    agreement: float
    how: str
    """unanimous, majority, median or adjudicated."""
    kind: str = "golden"
    """golden, adversarial or regression."""
    raters: list[str] = Field(sa_type=Json)
    promoted_by: int | None = Field(default=None, foreign_key="rater.id")
    promoted_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    exported_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When a file first held it: written at every export, so that equal gold is equal bytes."""
    retired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Event(SQLModel, table=True):
    """What somebody did; append-only audit log."""

    __tablename__ = "event"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)
    rater_id: int | None = Field(default=None, foreign_key="rater.id")
    """Who did it; None for the command line on the server itself."""
    action: str
    subject: str
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
