"""Alembic's entry: runs the migrations on the connection that the caller opened."""

from alembic import context
from sqlmodel import SQLModel

import billing.store.audit_tables
import billing.store.dispute_tables
import billing.store.door_tables
import billing.store.key_tables
import billing.store.reconciliation_tables
import billing.store.request_tables
import billing.store.tables
import billing.store.webhook_tables  # noqa: F401 - registers the tables

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
