"""Tells what came of a retry that a person asked for, the same for a charge and for an invoice."""

from billing.domain.public_ids import Kind, brief_id
from billing.entrypoints.cli.output import print_json, say
from billing.operations.engine import Engine, Refusal
from billing.operations.retry_charge import Retry
from billing.store.reports import list_charges


def print_retry(engine: Engine, made: Retry, *, as_json: bool) -> None:
    """Print the charge that a retry made.

    :raises Refusal: it showed that our own set-up is wrong, so charging is held.
    """
    with engine.database.snapshot() as tx:
        row = list_charges(tx, 1, ids=[made.charge_id])[0]
    if as_json:
        print_json({"charge": row, "problems": made.tally.problems})
    else:
        follow = f"billing charges show {brief_id(Kind.CHARGE, row.id)}"
        say(f"Attempt {row.attempt_no} is {row.state.value}; follow it with `{follow}`.")
    if made.tally.stop_the_run is not None:
        raise Refusal(f"charging is held for 5 minutes: {made.tally.stop_the_run}")
