"""The floor: the work of a renewal with nothing around it. asyncpg, two statements a batch, hand-written HTTP.

It writes the rows that the engine writes (invoice, charge, subscription, four events), but checks nothing, decides
nothing, and knows one answer. What it takes is what the databases, the sockets and the interpreter take.
"""

import argparse
import asyncio
import json
import sys
from datetime import datetime
from typing import Any, Final, cast
from urllib.parse import urlsplit

import asyncpg
import uvloop

from bench.seeding import NOW

BATCH: Final = 500
_CLAIM: Final = """
WITH due AS MATERIALIZED (
  SELECT s.id, s.paid_through, gen_random_uuid() AS invoice_id, gen_random_uuid() AS charge_id,
         p.amount_minor, p.currency, o.gateway_source_id, s.source_id, l.name
  FROM subscription s JOIN price p ON p.id = s.price_id JOIN source o ON o.id = s.source_id
  JOIN plan l ON l.code = s.plan_code
  WHERE s.state IN ('active', 'trialing') AND s.parked_reason IS NULL AND s.next_due_at <= $1
  ORDER BY s.next_due_at, s.id LIMIT $2 FOR UPDATE OF s SKIP LOCKED
), moved AS (
  UPDATE subscription s SET billed_index = s.billed_index + 1, next_due_at = s.next_due_at + interval '28 days'
  FROM due WHERE s.id = due.id
), invoiced AS (
  INSERT INTO invoice (id, subscription_id, kind, period_start, period_end, amount_minor, currency, state, attempts,
                       failures, technical_failures, created_at)
  SELECT invoice_id, id, 'renewal', paid_through, (paid_through + interval '1 month')::date, amount_minor, currency,
         'open', 1, 0, 0, $1 FROM due
), charged AS (
  INSERT INTO charge (id, invoice_id, subscription_id, source_id, kind, automatic, attempt_no, reference,
                      idempotency_key, amount_minor, currency, state, created_at, sent_at, sends, check_at, checks,
                      absent_looks)
  SELECT charge_id, invoice_id, id, source_id, 'renewal', true, 1, charge_id::text, charge_id::text, amount_minor,
         currency, 'sending', $1, $1, 1, $1 + interval '2 minutes', 0, 0 FROM due
), told AS (
  INSERT INTO event (at, actor, subject_type, subject_id, sequence, subscription_id, type, to_state, data)
  SELECT $1, 'floor', 'invoice', invoice_id::text, 1, id, 'invoice.issued', 'open', '{}'::json FROM due
  UNION ALL SELECT $1, 'floor', 'charge', charge_id::text, 1, id, 'charge.started', 'sending', '{}'::json FROM due
)
SELECT charge_id::text, gateway_source_id, amount_minor, currency, name FROM due
"""
_RECORD: Final = """
WITH told AS MATERIALIZED (SELECT * FROM unnest($2::uuid[], $3::text[]) AS t(charge_id, payment_id)),
charged AS (
  UPDATE charge c SET state = 'captured', gateway_payment_id = told.payment_id, captured_at = $1, check_at = NULL
  FROM told WHERE c.id = told.charge_id AND c.state = 'sending' RETURNING c.id, c.invoice_id, c.subscription_id
), invoiced AS (
  UPDATE invoice i SET state = 'paid', paid_at = $1 FROM charged WHERE i.id = charged.invoice_id
  RETURNING i.id, i.subscription_id, i.period_end
), paid AS (
  UPDATE subscription s SET paid_through = invoiced.period_end FROM invoiced WHERE s.id = invoiced.subscription_id
)
INSERT INTO event (at, actor, subject_type, subject_id, sequence, subscription_id, type, from_state, to_state, data)
SELECT $1, 'floor', 'charge', id::text, 2, subscription_id, 'charge.captured', 'sending', 'captured', '{}'::json
FROM charged
UNION ALL
SELECT $1, 'floor', 'invoice', id::text, 2, subscription_id, 'invoice.paid', 'open', 'paid', '{}'::json FROM invoiced
"""


class Wire(asyncio.Protocol):
    """One kept-alive connection that carries one request at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is none by name

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self._buffer.find(b"content-length: ") + 16
        length = int(self._buffer[at : self._buffer.find(b"\r\n", at)])
        if len(self._buffer) >= end + 4 + length and self._answer is not None:
            body, self._buffer = self._buffer[end + 4 :], b""
            self._answer.set_result(body)

    def ask(self, request: bytes) -> "asyncio.Future[bytes]":
        """Send a request; the future is its answer's body."""
        self._answer = self._loop.create_future()
        self._transport.write(request)
        return self._answer


async def work(arguments: argparse.Namespace) -> None:
    """Renew and charge everything that is due, once told to begin."""
    at = urlsplit(arguments.gateway)
    loop = asyncio.get_running_loop()
    wires: asyncio.Queue[Wire] = asyncio.Queue()
    for _ in range(arguments.in_flight):
        wires.put_nowait((await loop.create_connection(Wire, at.hostname, at.port))[1])
    batches = max(2, arguments.in_flight // BATCH + 2)
    pool = await asyncpg.create_pool(arguments.database, min_size=batches, max_size=batches)
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    await asyncio.gather(*(_batches(pool, wires, NOW) for _ in range(batches)))
    print("done", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)


async def _batches(pool: Any, wires: "asyncio.Queue[Wire]", now: datetime) -> None:
    async with pool.acquire() as connection:
        while claimed := await connection.fetch(_CLAIM, now, BATCH):
            paid = await asyncio.gather(*(_charge(wires, row) for row in claimed))
            await connection.execute(_RECORD, now, [row[0] for row in claimed], paid)


async def _charge(wires: "asyncio.Queue[Wire]", row: Any) -> str:
    key, source, amount, currency, item = row
    told = {
        "source": {"type": "id", "id": source},
        "amount": amount,
        "currency": currency,
        "payment_type": "Recurring",
        "merchant_initiated": True,
        "reference": key,
        "items": [{"name": item, "quantity": 1, "unit_price": amount}],
    }
    body = json.dumps(told).encode()
    wire = await wires.get()
    answer = await wire.ask(
        b"POST /payments HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer sk\r\ncontent-type: application/json\r\n"
        b"cko-idempotency-key: %b\r\ncontent-length: %d\r\n\r\n%b" % (key.encode(), len(body), body)
    )
    wires.put_nowait(wire)
    payment_id: str = json.loads(answer)["id"]
    return payment_id


if __name__ == "__main__":
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--database", required=True)
    reader.add_argument("--gateway", required=True)
    reader.add_argument("--in-flight", type=int, required=True)
    uvloop.run(work(reader.parse_args()))
