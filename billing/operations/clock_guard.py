"""Whether this machine's clock may be acted on: one that is ahead would renew and charge before the time."""

from datetime import datetime, timedelta
from typing import Final

from billing.gateway.port import PaymentGateway

MOST_SKEW: Final = timedelta(minutes=5)
"""Between our clock and the gateway's ``Date``. It is whole seconds, and a slow answer makes ours look ahead."""
_JUMP: Final = timedelta(minutes=2)


class ClockGuard:
    """Compares the clock with the gateway's, once at the start and again whenever time has jumped or stood still."""

    def __init__(self, gateway: PaymentGateway) -> None:
        self._gateway = gateway
        self._agreed_at: datetime | None = None

    def why_not_act(self, machine_now: datetime) -> str | None:
        """Say why nothing should be done by this clock (UTC), or None.

        A gateway that tells no time is no reason: while it does not answer, nothing is charged either. It is asked
        again the next time.
        """
        if self._agreed_at is not None and abs(machine_now - self._agreed_at) <= _JUMP:
            self._agreed_at = machine_now
            return None
        self._agreed_at = None
        skew = self._gateway.check_health().clock_skew_seconds
        if skew is None:
            return None
        if abs(skew) > MOST_SKEW.total_seconds():
            side = "ahead of" if skew > 0 else "behind"
            return f"this machine's clock is {timedelta(seconds=round(abs(skew)))} {side} the gateway's"
        self._agreed_at = machine_now
        return None
