"""refuse replacement and reopening: rows put in place of frozen ones, outputs, closed rounds"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

# SQLite's INSERT OR REPLACE deletes the old row without firing triggers of deletion.
FROZEN = {
    "rating": "ratings are never changed or deleted: write a new one that supersedes",
    "event": "events are never changed or deleted",
    "rubric": "a rubric version is never changed or deleted: add a new version",
    "round": "a launched round cannot be edited or deleted, only closed: launch a new one",
    "unit": "the units of a launched round are frozen: launch a new round",
    "output": "a stored output is never changed: import the other version under another id",
}
REOPENED = "a closed round cannot be opened again: launch a new one"


def upgrade() -> None:
    op.create_index(
        'ix_unit_repeats', 'unit', ['round_id', 'repeats_id'],
        sqlite_where=sa.text('repeats_id IS NOT NULL'),
        postgresql_where=sa.text('repeats_id IS NOT NULL'),
    )
    if op.get_bind().dialect.name == "sqlite":
        for table, message in FROZEN.items():
            op.execute(
                f"CREATE TRIGGER {table}_refuses_replacement BEFORE INSERT ON {table} "
                f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id) "
                f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )
        op.execute(
            f"CREATE TRIGGER output_refuses_update BEFORE UPDATE ON output "
            f"BEGIN SELECT RAISE(ABORT, '{FROZEN['output']}'); END"
        )
        op.execute(
            "CREATE TRIGGER round_refuses_reopening BEFORE UPDATE OF status ON round "
            "WHEN OLD.status = 'closed' AND NEW.status <> 'closed' "
            f"BEGIN SELECT RAISE(ABORT, '{REOPENED}'); END"
        )
        return
    for name, message in (("output_refuses", FROZEN["output"]), ("round_reopening", REOPENED)):
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
        )
    op.execute(
        "CREATE TRIGGER output_refuses_update BEFORE UPDATE ON output "
        "FOR EACH ROW EXECUTE FUNCTION output_refuses()"
    )
    op.execute(
        "CREATE TRIGGER round_refuses_reopening BEFORE UPDATE OF status ON round "
        "FOR EACH ROW WHEN (OLD.status = 'closed' AND NEW.status <> 'closed') "
        "EXECUTE FUNCTION round_reopening()"
    )
