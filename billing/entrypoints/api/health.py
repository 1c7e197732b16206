"""Is the process up, and may it be sent requests?"""

import structlog
from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from billing.bootstrap import fingerprint
from billing.entrypoints.api.desk import DeskOfRequest
from billing.entrypoints.ready import REMEDIES
from billing.operations.set_up import Readiness, readiness

log = structlog.get_logger()
router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Answer as long as the process is up."""
    return {"status": "up"}


@router.get("/readyz")
def readyz(desk: DeskOfRequest) -> JSONResponse:
    """Answer 200 when the database can be reached and is ours, in the right version; else 503 and why."""
    database = desk.engine.database
    try:
        state = readiness(database, fingerprint(desk.settings, database))
    except SQLAlchemyError as error:
        log.error("database_unavailable", error=type(error).__name__)
        return JSONResponse({"status": "not_ready", "why": "the database cannot be reached"}, 503)
    if state is Readiness.READY:
        return JSONResponse({"status": "ready"})
    return JSONResponse({"status": "not_ready", "why": REMEDIES[state]}, 503)
