"""How Alembic reaches the database: over the connection that `Database.upgrade` hands in."""

from alembic import context
from sqlmodel import SQLModel

import db.tables  # noqa: F401  (registers the tables)

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
