"""Where the engine's log lines go: never into the output of a command, and as JSON lines from a process."""

import logging
import sys

import structlog


def quieten() -> None:
    """Keep the engine's log lines out of a command's way; what matters is told by the command itself."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def log_lines(*, as_json: bool) -> None:
    """Log to standard error: for people on a terminal, one JSON object a line everywhere else."""
    on_terminal = sys.stderr.isatty() and not as_json
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
