"""An older copy of the database put in its own place, and the silence that shows it."""

import sqlite3
from uuid import UUID

from harness import email

from billing.operations.doubt import notice_a_gap
from billing.store.installation import keep_alive

KIM = email("kim")


def is_alive(world, at=None):
    with world.engine.database.transaction() as tx:
        keep_alive(tx, at or world.now)


def starts_again(world):
    notice_a_gap(world.engine, now=world.now, machine_now=world.now)


def subscription_id(world):
    return UUID(str(world.subscription()["id"]))


def copy(source, target):
    with sqlite3.connect(source) as old, sqlite3.connect(target) as new:
        old.backup(new)
    old.close()
    new.close()
