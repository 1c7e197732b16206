"""Tells what came of a retry that a person asked for, the same for a charge and for an invoice."""

from billing.entrypoints.cli.output import print_json, say, short
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
        say(f"Attempt {row.attempt_no} is {row.state.value}; follow it with `billing charges show {short(row.id)}`.")
    if made.tally.stop_the_run is not None:
        raise Refusal(f"charging is held for 5 minutes: {made.tally.stop_the_run}")
