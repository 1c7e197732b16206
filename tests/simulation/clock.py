"""Virtual time: it moves only when nobody can do anything before something is due."""

from datetime import UTC, datetime, timedelta

START = datetime(2027, 1, 29, 1, 30, tzinfo=UTC)  # 29 January, half past ten in Seoul: month ends are near


class Clock:
    """The true time of a world. Processes may believe in another."""

    def __init__(self) -> None:
        self.now = START

    def advance_to(self, instant: datetime) -> None:
        """Move on to an instant; never back."""
        self.now = max(self.now, instant)

    def after(self, **duration: float) -> datetime:
        return self.now + timedelta(**duration)
