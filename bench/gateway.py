"""The smallest gateway that can answer: a raw asyncio server that waits, answers, counts, and may send webhooks.

It keeps what it was asked for by idempotency key, so that a charge that came twice is seen.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import time
from collections import Counter, deque
from typing import Final, cast

import uvloop

HEAD_END: Final = b"\r\n\r\n"
WEBHOOK_KEY: Final = b"kakaosandbox-webhook-key"


class Books:
    """What was asked for, and when."""

    def __init__(self, latency: float, outcome: str, most_per_second: float | None) -> None:
        self.latency = latency
        self.outcome = outcome
        self.most_per_second = most_per_second
        self.payments: dict[bytes, bytes] = {}
        self.by_id: dict[bytes, bytes] = {}
        self.repeats = self.turned_away = 0
        self.arrivals: Counter[int] = Counter()
        self.recent: deque[float] = deque()
        self.most_in_a_second = 0
        self.to_tell: asyncio.Queue[bytes] = asyncio.Queue()

    def pay(self, key: bytes, body: bytes) -> bytes:
        """Return the answer to a payment, after noting when it came."""
        now = time.monotonic()
        self.arrivals[int(now)] += 1
        while self.recent and self.recent[0] <= now - 1:
            self.recent.popleft()
        if self.most_per_second is not None and len(self.recent) >= self.most_per_second:
            self.turned_away += 1
            return _answer(429, b"{}")
        self.recent.append(now)
        self.most_in_a_second = max(self.most_in_a_second, len(self.recent))
        if b'"id"' not in body.partition(b'"amount"')[0]:
            return _answer(202, _begun(body))
        if key in self.payments:
            self.repeats += 1
        else:
            self.payments[key] = self._made(body)
        return _answer(201 if self.outcome == "captured" else 202, self.payments[key])

    def _made(self, body: bytes) -> bytes:
        asked = json.loads(body)
        ident = f"pay_{len(self.payments):026d}"
        told = {
            "id": ident,
            "status": "Captured",
            "approved": True,
            "amount": asked["amount"],
            "currency": asked["currency"],
            "reference": asked["reference"],
            "response_code": "10000",
            "source": {"id": asked["source"]["id"], "type": "kakaopay"},
        }
        captured = json.dumps(told).encode()
        if self.outcome == "captured":
            return captured
        self.by_id[ident.encode()] = captured
        self.to_tell.put_nowait(ident.encode())
        return json.dumps({**told, "status": "Pending", "approved": None}).encode()

    def count(self) -> bytes:
        """Return what was counted, as JSON."""
        return json.dumps(
            {
                "payments": len(self.payments),
                "repeats": self.repeats,
                "turned_away": self.turned_away,
                "most_in_a_second": self.most_in_a_second,
                "seconds": [self.arrivals[second] for second in sorted(self.arrivals)],
            }
        ).encode()


def _begun(body: bytes) -> bytes:
    """Return the answer to a payment with the subscriber present, who is sent to the wallet and never pays."""
    asked = json.loads(body)
    told = {
        "id": f"pay_{hashlib.md5(asked['reference'].encode()).hexdigest()[:26]}",  # noqa: S324 - a name, no secret
        "status": "Pending",
        "reference": asked["reference"],
        "_links": {"redirect": {"href": "http://127.0.0.1/wallet"}},
    }
    return json.dumps(told).encode()


class Connection(asyncio.Protocol):
    """One kept-alive connection. Requests come whole or in pieces, never more than one at a time."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._buffer = b""
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is none by name

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(HEAD_END)
        if end < 0:
            return
        head = self._buffer[:end].lower()
        length = int(header_of(head, b"content-length: ") or 0)
        if len(self._buffer) < end + 4 + length:
            return
        line, body = self._buffer[: self._buffer.find(b" HTTP")], self._buffer[end + 4 : end + 4 + length]
        self._buffer = b""
        answer, waits = self._answer(line, head, body)
        if waits and self._books.latency:
            self._loop.call_later(self._books.latency, self._write, answer)
        else:
            self._write(answer)

    def _answer(self, line: bytes, head: bytes, body: bytes) -> tuple[bytes, bool]:
        if line == b"POST /payments":
            return self._books.pay(header_of(head, b"cko-idempotency-key: ") or b"", body), True
        if line == b"GET /bench/count":
            return _answer(200, self._books.count()), False
        found = self._books.by_id.get(line.rpartition(b"/")[2])
        return (_answer(200, found) if found is not None else _answer(404, b"{}")), True

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


def header_of(head: bytes, name: bytes) -> bytes | None:
    start = head.find(b"\r\n" + name)
    if start < 0:
        return None
    start += 2 + len(name)
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else len(head)]


def _answer(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        status,
        len(body),
        body,
    )


async def tell(books: Books, host: str, port: int) -> None:
    """Post one webhook after another over one connection, each once, and wait for each answer."""
    ident = await books.to_tell.get()
    reader, writer = await asyncio.open_connection(host, port)
    while True:
        payment = json.loads(books.by_id[ident])
        event = {
            "id": f"evt_{ident.decode()[4:]}",
            "type": "payment_captured",
            "data": {"id": payment["id"], "action_id": f"act_{payment['id'][4:]}", "reference": payment["reference"]},
        }
        body = json.dumps(event).encode()
        signature = hmac.new(WEBHOOK_KEY, body, hashlib.sha256).hexdigest()
        writer.write(
            b"POST /webhooks/checkout HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
            b"cko-signature: %b\r\ncontent-length: %d\r\n\r\n%b" % (signature.encode(), len(body), body)
        )
        head = await reader.readuntil(HEAD_END)
        await reader.readexactly(int(header_of(head[:-4].lower(), b"content-length: ") or 0))
        if b" 200 " not in head[:20]:
            raise RuntimeError(f"the webhook was answered {head[:40]!r}")
        ident = await books.to_tell.get()


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until killed; the port is printed first."""
    books = Books(arguments.latency_ms / 1000, arguments.outcome, arguments.most_per_second)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(books), "127.0.0.1", arguments.port, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    tellers = [tell(books, "127.0.0.1", arguments.webhooks_to) for _ in range(32 if arguments.webhooks_to else 0)]
    await asyncio.gather(server.serve_forever(), *tellers)


if __name__ == "__main__":
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--port", type=int, default=0)
    reader.add_argument("--latency-ms", type=float, default=0)
    reader.add_argument("--outcome", choices=("captured", "pending"), default="captured")
    reader.add_argument("--most-per-second", type=float, help="answer 429 to what is more")
    reader.add_argument("--webhooks-to", type=int, help="the API's port")
    uvloop.run(serve(reader.parse_args()))
