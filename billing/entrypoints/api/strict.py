"""Refuses what an endpoint would pass over: a query or a body where none is taken, and a name given twice."""

from collections import Counter

from fastapi import Request

from billing.entrypoints.api.errors import invalid


async def take_nothing_unknown(request: Request) -> None:
    """Refuse a request that says more than its path takes; the names within a body or query their models check.

    :raises ApiError: it does.
    """
    taken = request.scope["route"].dependant
    names = Counter(name for name, _ in request.query_params.multi_items())
    wrong = {name: "must be given once" for name, times in names.items() if times > 1}
    if not taken.query_params:
        wrong |= dict.fromkeys(names, "is not known; this path takes no query")
    if not taken.body_params and (await request.body()).strip() not in (b"", b"{}"):
        wrong["body"] = "must be empty: this path takes none"
    if wrong:
        raise invalid({name[:100] if name.isprintable() else "?": why for name, why in wrong.items()})
