"""judge: runs with a budget, their tasks, and every verdict"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    for column in (
        sa.Column('budget_usd', sa.Float(), nullable=True),
        sa.Column('budget_tokens', sa.Integer(), nullable=True),
        sa.Column('note', sa.String(), nullable=True),
        sa.Column('beat_at', TIME, nullable=True),
    ):
        op.add_column('judge_run', column)
    op.create_table(
        'judge_verdict',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('key', sa.String(), nullable=False),
        sa.Column('run_id', sa.Integer(), nullable=False),
        sa.Column('output_id', sa.Integer(), nullable=False),
        sa.Column('criterion', sa.String(), nullable=False),
        sa.Column('sample', sa.Integer(), nullable=False),
        sa.Column('status', sa.String(), nullable=False),
        sa.Column('answer', JSON, nullable=True),
        sa.Column('score', sa.Float(), nullable=True),
        sa.Column('score_source', sa.String(), nullable=True),
        sa.Column('probabilities', JSON, nullable=True),
        sa.Column('critique', sa.String(), nullable=True),
        sa.Column('evidence', JSON, nullable=True),
        sa.Column('injection_suspected', sa.Boolean(), nullable=False),
        sa.Column('problem', sa.String(), nullable=True),
        sa.Column('attempt', sa.Integer(), nullable=False),
        sa.Column('model', sa.String(), nullable=True),
        sa.Column('fingerprint', sa.String(), nullable=True),
        sa.Column('request_id', sa.String(), nullable=True),
        sa.Column('tokens', JSON, nullable=True),
        sa.Column('cost_usd', sa.Float(), nullable=True),
        sa.Column('price_source', sa.String(), nullable=True),
        sa.Column('latency_ms', sa.Float(), nullable=True),
        sa.Column('raw', sa.String(), nullable=True),
        sa.Column('at', TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ['run_id'], ['judge_run.id'], name=op.f('fk_judge_verdict_run_id')
        ),
        sa.ForeignKeyConstraint(
            ['output_id'], ['output.id'], name=op.f('fk_judge_verdict_output_id')
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_judge_verdict')),
    )
    settled = sa.text("status IN ('ok', 'cannot_judge')")
    op.create_index(
        'uq_judge_verdict_settled', 'judge_verdict', ['key'], unique=True,
        sqlite_where=settled, postgresql_where=settled,
    )
    op.create_index('ix_judge_verdict_run_id', 'judge_verdict', ['run_id'])
    op.create_index('ix_judge_verdict_output_id', 'judge_verdict', ['output_id'])
    op.create_table(
        'judge_task',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('run_id', sa.Integer(), nullable=False),
        sa.Column('output_id', sa.Integer(), nullable=False),
        sa.Column('unit_id', sa.Integer(), nullable=True),
        sa.Column('criterion', sa.String(), nullable=False),
        sa.Column('sample', sa.Integer(), nullable=False),
        sa.Column('key', sa.String(), nullable=False),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('not_before', TIME, nullable=False),
        sa.Column('lease_until', TIME, nullable=True),
        sa.Column('verdict_id', sa.Integer(), nullable=True),
        sa.Column('problem', sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ['run_id'], ['judge_run.id'], name=op.f('fk_judge_task_run_id')
        ),
        sa.ForeignKeyConstraint(
            ['output_id'], ['output.id'], name=op.f('fk_judge_task_output_id')
        ),
        sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_judge_task_unit_id')),
        sa.ForeignKeyConstraint(
            ['verdict_id'], ['judge_verdict.id'], name=op.f('fk_judge_task_verdict_id')
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_judge_task')),
        sa.UniqueConstraint(
            'run_id', 'output_id', 'criterion', 'sample',
            name=op.f('uq_judge_task_run_id_output_id_criterion_sample'),
        ),
    )
    op.create_index('ix_judge_task_claim', 'judge_task', ['run_id', 'state', 'not_before'])

