"""The floor that the engine's own libraries allow: SQLAlchemy Core on psycopg, httpx2 over aiohttp. Nothing else.

As the other floor it writes the engine's rows, checks nothing, decides nothing and knows one answer.
"""

import argparse
import asyncio
import json
import sys
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import httpx2
from httpx_aiohttp.httpx2 import Httpx2AiohttpClient
from sqlalchemy import Connection, create_engine, insert, select, text, update
from sqlalchemy.engine import make_url

from bench.seeding import NOW
from billing.domain.identity import row_id
from billing.store.tables import RENEWABLE, Charge, Event, Invoice, Plan, Price, Source, Subscription
from billing.store.writes import table_of

BATCH: Final = 500
SUBSCRIPTION, INVOICE, CHARGE = table_of(Subscription), table_of(Invoice), table_of(Charge)
PRICE, SOURCE, PLAN = table_of(Price), table_of(Source), table_of(Plan)
_DUE: Final = (
    select(
        SUBSCRIPTION.c.id,
        SUBSCRIPTION.c.source_id,
        SUBSCRIPTION.c.paid_through,
        PRICE.c.amount_minor,
        PRICE.c.currency,
        SOURCE.c.gateway_source_id,
        PLAN.c.name,
    )
    .join(PRICE, PRICE.c.id == SUBSCRIPTION.c.price_id)
    .join(SOURCE, SOURCE.c.id == SUBSCRIPTION.c.source_id)
    .join(PLAN, PLAN.c.code == SUBSCRIPTION.c.plan_code)
    .where(text(f"subscription.{RENEWABLE}"), SUBSCRIPTION.c.next_due_at <= NOW)
    .order_by(SUBSCRIPTION.c.next_due_at, SUBSCRIPTION.c.id)
    .limit(BATCH)
    .with_for_update(of=SUBSCRIPTION, skip_locked=True)
)


def claim(tx: Connection) -> list[dict[str, Any]]:
    """Take up to a batch of what is due, write its invoices and charges, and return what to send."""
    due = tx.execute(_DUE).all()
    if not due:
        return []
    ids = [row.id for row in due]
    rows = [
        (row, row_id(row.id, "renewal", row.paid_through), row_id(row.id, "charge", row.paid_through)) for row in due
    ]
    tx.execute(
        update(SUBSCRIPTION)
        .where(SUBSCRIPTION.c.id.in_(ids))
        .values(billed_index=1, next_due_at=NOW + timedelta(days=28))
    )
    tx.execute(insert(INVOICE), [_invoice(row, invoice) for row, invoice, _ in rows])
    charges = [_charge(row, invoice, charge) for row, invoice, charge in rows]
    tx.execute(insert(CHARGE), charges)
    told = [
        event
        for row, invoice, charge in rows
        for event in (
            _event("invoice", invoice, row.id, "invoice.issued", None, "open"),
            _event("charge", charge, row.id, "charge.started", None, "sending"),
        )
    ]
    tx.execute(insert(Event), told)
    return [
        {**charge, "gateway_source_id": row.gateway_source_id, "name": row.name, "period_end": _end(row)}
        for charge, (row, _, _) in zip(charges, rows, strict=True)
    ]


def record(tx: Connection, sent: list[dict[str, Any]], payment_ids: list[str]) -> None:
    """Write that all of these were captured."""
    values = [(charge["id"], paid) for charge, paid in zip(sent, payment_ids, strict=True)]
    paid = text(
        "UPDATE charge SET state = 'captured', gateway_payment_id = t.paid, captured_at = :now, check_at = NULL "
        "FROM unnest(CAST(:ids AS uuid[]), CAST(:paid AS text[])) AS t(id, paid) WHERE charge.id = t.id"
    )
    tx.execute(paid, {"now": NOW, "ids": [str(each) for each, _ in values], "paid": [told for _, told in values]})
    invoices = [charge["invoice_id"] for charge in sent]
    tx.execute(update(INVOICE).where(INVOICE.c.id.in_(invoices)).values(state="paid", paid_at=NOW))
    owners = [charge["subscription_id"] for charge in sent]
    tx.execute(update(SUBSCRIPTION).where(SUBSCRIPTION.c.id.in_(owners)).values(paid_through=sent[0]["period_end"]))
    told = [
        event
        for charge in sent
        for event in (
            _event("charge", charge["id"], charge["subscription_id"], "charge.captured", "sending", "captured"),
            _event("invoice", charge["invoice_id"], charge["subscription_id"], "invoice.paid", "open", "paid"),
        )
    ]
    tx.execute(insert(Event), told)


def _end(row: Any) -> Any:
    return row.paid_through + timedelta(days=28)


def _invoice(row: Any, invoice: UUID) -> dict[str, Any]:
    return {
        "id": invoice,
        "subscription_id": row.id,
        "kind": "renewal",
        "period_start": row.paid_through,
        "period_end": _end(row),
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "state": "open",
        "attempts": 1,
        "created_at": NOW,
    }


def _charge(row: Any, invoice: UUID, charge: UUID) -> dict[str, Any]:
    return {
        "id": charge,
        "invoice_id": invoice,
        "subscription_id": row.id,
        "source_id": row.source_id,
        "kind": "renewal",
        "automatic": True,
        "attempt_no": 1,
        "reference": str(charge),
        "idempotency_key": str(charge),
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "state": "sending",
        "created_at": NOW,
        "sent_at": NOW,
        "check_at": NOW + timedelta(minutes=2),
    }


def _event(kind: str, ident: UUID, owner: UUID, type_: str, before: str | None, after: str) -> dict[str, Any]:
    return {
        "at": NOW,
        "actor": "floor",
        "subject_type": kind,
        "subject_id": str(ident),
        "sequence": 1 if before is None else 2,
        "subscription_id": owner,
        "type": type_,
        "from_state": before,
        "to_state": after,
        "data": {},
    }


async def work(arguments: argparse.Namespace) -> None:
    """Renew and charge everything that is due, once told to begin."""
    url = make_url(arguments.database).set(drivername="postgresql+psycopg")
    engine = create_engine(url, pool_size=4)
    limits = httpx2.Limits(max_connections=arguments.in_flight, max_keepalive_connections=arguments.in_flight)
    slots = asyncio.Semaphore(arguments.in_flight)
    with engine.begin() as tx:
        tx.execute(_DUE.limit(0))
    async with Httpx2AiohttpClient(base_url=arguments.gateway, limits=limits, timeout=None, trust_env=False) as client:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await asyncio.gather(*(_batches(engine, client, slots) for _ in range(2 + arguments.in_flight // BATCH)))
    print("done", flush=True)
    await asyncio.to_thread(sys.stdin.readline)


async def _batches(engine: Any, client: httpx2.AsyncClient, slots: asyncio.Semaphore) -> None:
    def claimed() -> list[dict[str, Any]]:
        with engine.begin() as tx:
            return claim(tx)

    def recorded(sent: list[dict[str, Any]], paid: list[str]) -> None:
        with engine.begin() as tx:
            record(tx, sent, paid)

    while sent := await asyncio.to_thread(claimed):
        paid = await asyncio.gather(*(_send(client, slots, charge) for charge in sent))
        await asyncio.to_thread(recorded, sent, paid)


async def _send(client: httpx2.AsyncClient, slots: asyncio.Semaphore, charge: dict[str, Any]) -> str:
    told = {
        "source": {"type": "id", "id": charge["gateway_source_id"]},
        "amount": charge["amount_minor"],
        "currency": charge["currency"],
        "payment_type": "Recurring",
        "merchant_initiated": True,
        "reference": charge["reference"],
        "items": [{"name": charge["name"], "quantity": 1, "unit_price": charge["amount_minor"]}],
    }
    headers = {"Cko-Idempotency-Key": charge["idempotency_key"], "Authorization": "Bearer sk"}
    async with slots:
        answer = await client.post("/payments", content=json.dumps(told).encode(), headers=headers)
    payment_id: str = answer.json()["id"]
    return payment_id


if __name__ == "__main__":
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--database", required=True)
    reader.add_argument("--gateway", required=True)
    reader.add_argument("--in-flight", type=int, required=True)
    asyncio.run(work(reader.parse_args()))
