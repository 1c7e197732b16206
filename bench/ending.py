"""How a benchmark ends when it is told to: with the servers and processes that it started."""

import signal


def end_what_was_started() -> None:
    """Take SIGTERM and SIGHUP for Ctrl-C: blocks that have begun are left, and end what they started."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
