"""So many a second and no more: how a client that asks too often is told when to come back."""

from dataclasses import dataclass


@dataclass(slots=True)
class TokenBucket:
    """Holds up to ``burst`` tokens and gets ``per_second`` new ones; full at first. Instants are monotonic seconds."""

    per_second: float
    burst: float
    tokens: float = -1.0
    filled_at: float = 0.0

    @property
    def seconds_to_full(self) -> float:
        return (self.burst - self.tokens) / self.per_second

    def wait_for(self, now: float) -> float:
        """Take a token and return 0.0, or take none and return after how many seconds there will be one."""
        if self.tokens < 0:
            self.tokens = self.burst
        else:
            self.tokens = min(self.burst, self.tokens + (now - self.filled_at) * self.per_second)
        self.filled_at = now
        if self.tokens >= 1:
            self.tokens -= 1
            return 0.0
        return (1 - self.tokens) / self.per_second
