"""the first tables"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')


def upgrade() -> None:
    op.create_table('output',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('case_key', sa.String(), nullable=False),
    sa.Column('configuration', sa.String(), nullable=False),
    sa.Column('segment', sa.String(), nullable=False),
    sa.Column('input', JSON, nullable=False),
    sa.Column('response', sa.String(), nullable=False),
    sa.Column('contexts', JSON, nullable=False),
    sa.Column('reference', sa.String(), nullable=True),
    sa.Column('occurred_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('latency_ms', sa.Float(), nullable=True),
    sa.Column('ttft_ms', sa.Float(), nullable=True),
    sa.Column('error', sa.String(), nullable=True),
    sa.Column('cost', JSON, nullable=True),
    sa.Column('tokens', JSON, nullable=True),
    sa.Column('thumb', sa.Integer(), nullable=True),
    sa.Column('regenerated', sa.Boolean(), nullable=False),
    sa.Column('escalated', sa.Boolean(), nullable=False),
    sa.Column('metadata', JSON, nullable=False),
    sa.Column('content_hash', sa.String(), nullable=False),
    sa.Column('imported_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_output')),
    sa.UniqueConstraint('key', name=op.f('uq_output_key'))
    )
    op.create_index('ix_output_case_key', 'output', ['case_key'], unique=False)
    op.create_index('ix_output_segment', 'output', ['segment'], unique=False)

    op.create_table('rater',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('email', sa.String(), nullable=True),
    sa.Column('identity', JSON, nullable=True),
    sa.Column('simulated', sa.Boolean(), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('link_hash', sa.String(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rater')),
    sa.UniqueConstraint('link_hash', name=op.f('uq_rater_link_hash')),
    sa.UniqueConstraint('name', name=op.f('uq_rater_name'))
    )
    op.create_table('rubric',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('document', JSON, nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('hash', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rubric')),
    sa.UniqueConstraint('name', 'version', name=op.f('uq_rubric_name_version'))
    )
    op.create_index('ix_rubric_hash', 'rubric', ['hash'], unique=False)

    op.create_table('event',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('rater_id', sa.Integer(), nullable=True),
    sa.Column('action', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('detail', JSON, nullable=False),
    sa.ForeignKeyConstraint(['rater_id'], ['rater.id'], name=op.f('fk_event_rater_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_event'))
    )
    op.create_index('ix_event_at', 'event', ['at'], unique=False)

    op.create_table('round',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('rubric_id', sa.Integer(), nullable=False),
    sa.Column('baseline_id', sa.Integer(), nullable=True),
    sa.Column('overlap', sa.Integer(), nullable=False),
    sa.Column('seed', sa.String(), nullable=False),
    sa.Column('design', JSON, nullable=False),
    sa.Column('design_hash', sa.String(), nullable=False),
    sa.Column('launched_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['baseline_id'], ['round.id'], name=op.f('fk_round_baseline_id')),
    sa.ForeignKeyConstraint(['rubric_id'], ['rubric.id'], name=op.f('fk_round_rubric_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_round')),
    sa.UniqueConstraint('name', name=op.f('uq_round_name'))
    )
    op.create_index('ix_round_rubric_id', 'round', ['rubric_id'], unique=False)

    op.create_table('sign_in',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('rater_id', sa.Integer(), nullable=False),
    sa.Column('token_hash', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['rater_id'], ['rater.id'], name=op.f('fk_sign_in_rater_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_in')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_sign_in_token_hash'))
    )
    op.create_index('ix_sign_in_rater_id', 'sign_in', ['rater_id'], unique=False)

    op.create_table('gold',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('output_id', sa.Integer(), nullable=False),
    sa.Column('round_id', sa.Integer(), nullable=False),
    sa.Column('rubric_hash', sa.String(), nullable=False),
    sa.Column('criterion', sa.String(), nullable=False),
    sa.Column('value', sa.Float(), nullable=False),
    sa.Column('label', sa.String(), nullable=False),
    sa.Column('votes', JSON, nullable=False),
    sa.Column('agreement', sa.Float(), nullable=False),
    sa.Column('how', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('raters', JSON, nullable=False),
    sa.Column('promoted_by', sa.Integer(), nullable=True),
    sa.Column('promoted_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('exported_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['output_id'], ['output.id'], name=op.f('fk_gold_output_id')),
    sa.ForeignKeyConstraint(['promoted_by'], ['rater.id'], name=op.f('fk_gold_promoted_by')),
    sa.ForeignKeyConstraint(['round_id'], ['round.id'], name=op.f('fk_gold_round_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_gold'))
    )
    op.create_index('ix_gold_round_id', 'gold', ['round_id'], unique=False)
    op.create_index('uq_gold_in_force', 'gold', ['output_id', 'criterion'], unique=True, sqlite_where=sa.text('retired_at IS NULL'), postgresql_where=sa.text('retired_at IS NULL'))

    op.create_table('judge_run',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('rater_id', sa.Integer(), nullable=False),
    sa.Column('round_id', sa.Integer(), nullable=True),
    sa.Column('scope', JSON, nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('counts', JSON, nullable=False),
    sa.Column('tokens', JSON, nullable=False),
    sa.Column('cost_usd', sa.Float(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['rater_id'], ['rater.id'], name=op.f('fk_judge_run_rater_id')),
    sa.ForeignKeyConstraint(['round_id'], ['round.id'], name=op.f('fk_judge_run_round_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_judge_run'))
    )
    op.create_index('ix_judge_run_rater_id', 'judge_run', ['rater_id'], unique=False)

    op.create_table('unit',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('round_id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('output_id', sa.Integer(), nullable=False),
    sa.Column('rival_id', sa.Integer(), nullable=True),
    sa.Column('purpose', sa.String(), nullable=False),
    sa.Column('repeats_id', sa.Integer(), nullable=True),
    sa.Column('stratum', sa.String(), nullable=False),
    sa.Column('inclusion_probability', sa.Float(), nullable=True),
    sa.Column('overlap', sa.Integer(), nullable=False),
    sa.Column('rank', sa.Integer(), nullable=False),
    sa.Column('missing', sa.Integer(), nullable=False),
    sa.CheckConstraint('missing >= 0 AND missing <= overlap', name=op.f('ck_unit_missing')),
    sa.ForeignKeyConstraint(['output_id'], ['output.id'], name=op.f('fk_unit_output_id')),
    sa.ForeignKeyConstraint(['repeats_id'], ['unit.id'], name=op.f('fk_unit_repeats_id')),
    sa.ForeignKeyConstraint(['rival_id'], ['output.id'], name=op.f('fk_unit_rival_id')),
    sa.ForeignKeyConstraint(['round_id'], ['round.id'], name=op.f('fk_unit_round_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_unit')),
    sa.UniqueConstraint('round_id', 'key', name=op.f('uq_unit_round_id_key'))
    )
    op.create_index('ix_unit_open', 'unit', ['round_id', 'missing', 'rank'], unique=False, sqlite_where=sa.text('missing > 0'), postgresql_where=sa.text('missing > 0'))
    op.create_index('ix_unit_output_id', 'unit', ['output_id'], unique=False)

    op.create_table('assignment',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('round_id', sa.Integer(), nullable=False),
    sa.Column('unit_id', sa.Integer(), nullable=False),
    sa.Column('rater_id', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('claimed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('submitted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('seconds', sa.Float(), nullable=False),
    sa.Column('idempotency_key', sa.String(), nullable=True),
    sa.Column('extra', sa.Boolean(), nullable=False),
    sa.Column('draft', JSON, nullable=True),
    sa.Column('draft_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('skip_reason', sa.String(), nullable=True),
    sa.Column('flag', sa.String(), nullable=True),
    sa.ForeignKeyConstraint(['rater_id'], ['rater.id'], name=op.f('fk_assignment_rater_id')),
    sa.ForeignKeyConstraint(['round_id'], ['round.id'], name=op.f('fk_assignment_round_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_assignment_unit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_assignment')),
    sa.UniqueConstraint('unit_id', 'rater_id', name=op.f('uq_assignment_unit_id_rater_id'))
    )
    op.create_index('ix_assignment_desk', 'assignment', ['round_id', 'rater_id', 'state'], unique=False)

    op.create_table('rating',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('round_id', sa.Integer(), nullable=True),
    sa.Column('unit_id', sa.Integer(), nullable=True),
    sa.Column('output_id', sa.Integer(), nullable=False),
    sa.Column('rater_id', sa.Integer(), nullable=False),
    sa.Column('assignment_id', sa.Integer(), nullable=True),
    sa.Column('judge_run_id', sa.Integer(), nullable=True),
    sa.Column('criterion', sa.String(), nullable=False),
    sa.Column('value', sa.Float(), nullable=True),
    sa.Column('text', sa.String(), nullable=True),
    sa.Column('abstained', sa.String(), nullable=True),
    sa.Column('rationale', sa.String(), nullable=True),
    sa.Column('evidence', JSON, nullable=True),
    sa.Column('seen', JSON, nullable=True),
    sa.Column('run', sa.Integer(), nullable=False),
    sa.Column('extra', sa.Boolean(), nullable=False),
    sa.Column('adjudication', sa.Boolean(), nullable=False),
    sa.Column('supersedes_id', sa.Integer(), nullable=True),
    sa.Column('rated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seconds', sa.Float(), nullable=True),
    sa.Column('cost_usd', sa.Float(), nullable=True),
    sa.Column('latency_ms', sa.Float(), nullable=True),
    sa.ForeignKeyConstraint(['assignment_id'], ['assignment.id'], name=op.f('fk_rating_assignment_id')),
    sa.ForeignKeyConstraint(['judge_run_id'], ['judge_run.id'], name=op.f('fk_rating_judge_run_id')),
    sa.ForeignKeyConstraint(['output_id'], ['output.id'], name=op.f('fk_rating_output_id')),
    sa.ForeignKeyConstraint(['rater_id'], ['rater.id'], name=op.f('fk_rating_rater_id')),
    sa.ForeignKeyConstraint(['round_id'], ['round.id'], name=op.f('fk_rating_round_id')),
    sa.ForeignKeyConstraint(['supersedes_id'], ['rating.id'], name=op.f('fk_rating_supersedes_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_rating_unit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rating')),
    sa.UniqueConstraint('supersedes_id', name=op.f('uq_rating_supersedes_id'))
    )
    op.create_index('ix_rating_assignment_id', 'rating', ['assignment_id'], unique=False)
    op.create_index('ix_rating_output', 'rating', ['output_id', 'rater_id'], unique=False)
    op.create_index('ix_rating_round', 'rating', ['round_id', 'criterion'], unique=False)
    op.create_index('ix_rating_unit_id', 'rating', ['unit_id'], unique=False)

    refuse_changes()


# What may never change, by table: None is every column; DELETE is always refused for these.
FROZEN = {
    "rating": (None, "ratings are never changed or deleted: write a new one that supersedes"),
    "event": (None, "events are never changed or deleted"),
    "rubric": (None, "a rubric version is never changed or deleted: add a new version"),
    "round": (
        ("name", "rubric_id", "baseline_id", "overlap", "seed", "design", "design_hash"),
        "a launched round cannot be edited or deleted, only closed: launch a new one",
    ),
    "unit": (
        ("round_id", "key", "output_id", "rival_id", "purpose", "repeats_id", "stratum",
         "inclusion_probability", "overlap", "rank"),
        "the units of a launched round are frozen: launch a new round",
    ),
}


def refuse_changes() -> None:
    """Make the database itself refuse an update or delete of what is immutable."""
    dialect = op.get_bind().dialect.name
    for table, (columns, message) in FROZEN.items():
        of = f" OF {', '.join(columns)}" if columns else ""
        if dialect == "sqlite":
            for name, event in (("update", f"UPDATE{of}"), ("delete", "DELETE")):
                op.execute(
                    f"CREATE TRIGGER {table}_refuses_{name} BEFORE {event} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
                )
        else:
            op.execute(
                f"CREATE FUNCTION {table}_refuses() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
            )
            op.execute(
                f"CREATE TRIGGER {table}_refuses BEFORE UPDATE{of} OR DELETE ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION {table}_refuses()"
            )
            op.execute(
                f"CREATE TRIGGER {table}_refuses_truncate BEFORE TRUNCATE ON {table} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuses()"
            )
