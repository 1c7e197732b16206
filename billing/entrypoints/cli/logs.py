"""Where the engine's log lines go: never into the output of a command, and as JSON lines from a process."""

import logging
import sys
from enum import StrEnum

import structlog

from billing.entrypoints.cli.terminal import has_all_of

log = structlog.get_logger()


class LogLevel(StrEnum):
    """From how grave on lines are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def number(self) -> int:
        """The level as the standard library counts it."""
        return logging.getLevelNamesMapping()[self.name]


def quieten() -> None:
    """Keep the engine's log lines out of a command's way; what matters is told by the command itself."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def log_lines(*, as_json: bool, level: LogLevel = LogLevel.INFO) -> None:
    """Log to standard error: for people on a terminal, one JSON object a line everywhere else."""
    on_terminal = sys.stderr.isatty() and not as_json
    json_lines = structlog.processors.JSONRenderer(ensure_ascii=not has_all_of("₩김", sys.stderr))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer() if on_terminal else json_lines,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level.number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Libraries()], level=max(level.number, logging.WARNING), force=True)
    # APScheduler tells of every tick that a long sweep makes late, which is in good order here.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


class _Libraries(logging.Handler):
    """Lets what libraries log through as lines like ours, but without the values in it: those may be anybody's."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        log.log(record.levelno, "library", logger=record.name, told=str(record.msg)[:300], error=error)
