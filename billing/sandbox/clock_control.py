"""Setting the sandbox's time: ``/_sandbox/clock``."""

from typing import Any

from billing.sandbox.instants import Instant, parse, render
from billing.sandbox.runner import Runner
from billing.sandbox.wallet_control import BadSetting
from billing.sandbox.world import World


def clock_row(world: World) -> dict[str, Any]:
    due = world.agenda.next_due
    return {
        "now": render(world.clock.now(), 6),
        "frozen": world.clock.frozen is not None,
        "next": None if due is None else render(due, 6),
    }


async def set_clock(world: World, runner: Runner, wanted: dict[str, Any]) -> None:
    """Freeze time at an instant or move it on to one; null lets it run by the machine's clock again.

    Returns when everything due up to then has happened and every delivery has been attempted.

    :raises BadSetting: it is no instant, or time would run backwards.
    """
    if set(wanted) != {"now"}:
        raise BadSetting('now: send {"now": "2026-01-31T09:00:00Z"}, or null for real time')
    target = world.clock.real() if wanted["now"] is None else _instant(wanted["now"])
    if target < _earliest(world):
        raise BadSetting(f"now: sandbox time only moves forward, and it is {render(world.clock.now(), 6)}")
    await runner.move(target)
    if wanted["now"] is None:
        world.clock.frozen = None
        world.wake()
    world.keep_settings()


def _instant(text: object) -> Instant:
    try:
        return parse(str(text))
    except (ValueError, OverflowError) as error:
        raise BadSetting(f"now: {error}") from None


def _earliest(world: World) -> Instant:
    """Once something has happened time cannot go back; before that it may begin anywhere."""
    if not world.ledger.payments:
        return _instant("1970-01-01T00:00:00Z") if world.clock.frozen is None else world.clock.frozen
    if world.clock.frozen is not None:
        return world.clock.frozen
    return max(payment.requested_at for payment in world.ledger.payments.values())
