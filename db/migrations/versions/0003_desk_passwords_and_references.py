"""desk, passwords and references: own history by time, what a screen was drawn from, sign-in by
password, ideal answers as gold"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')


def upgrade() -> None:
    op.create_index(
        'ix_assignment_history', 'assignment', ['round_id', 'rater_id', 'submitted_at']
    )
    op.create_index('ix_round_status', 'round', ['status'])
    for column in (
        sa.Column('earlier_keys', JSON, nullable=True),
        sa.Column('sitting', sa.Integer(), nullable=False, server_default='0'),
        sa.Column('draft_version', sa.Integer(), nullable=False, server_default='0'),
        sa.Column('draft_screen', sa.String(), nullable=True),
    ):
        op.add_column('assignment', column)
    op.add_column('rater', sa.Column('password_hash', sa.String(), nullable=True))
    op.add_column('rater', sa.Column('signed_out_at', sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        'failed_sign_in',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('subject', sa.String(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_failed_sign_in')),
    )
    op.create_index('ix_failed_sign_in_subject_at', 'failed_sign_in', ['subject', 'at'])
    with op.batch_alter_table('gold') as gold:
        gold.add_column(sa.Column('text', sa.String(), nullable=True))
        gold.alter_column('value', existing_type=sa.Float(), nullable=True)

