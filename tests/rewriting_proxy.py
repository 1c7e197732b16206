"""A gateway that withholds or tells something else: passes requests on to the sandbox and rewrites its answers."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
from harness import ANSWER_SECONDS, NO_CERTIFICATES, Witness, World

from billing.bootstrap import make_gateway
from billing.config.settings import GatewaySection, Settings

Rewrite = Callable[[str, str, int, Any], tuple[int, Any]]
"""Method, path (with its query), status and JSON body of the sandbox's answer → what the engine is answered."""
_PASSED_ON = ("Authorization", "Content-Type", "Cko-Idempotency-Key", "Accept", "User-Agent")


class _Handler(BaseHTTPRequestHandler):
    target: httpx2.Client
    rewrite: Rewrite

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
        told = self.target.request(self.command, self.path, content=self.rfile.read(length), headers=headers)
        document = told.json() if told.content else None
        status, changed = type(self).rewrite(self.command, self.path, told.status_code, document)
        raw = b"" if changed is None else json.dumps(changed).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_POST = do_PATCH = do_GET  # noqa: N815 - the names that the base class asks for

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def rewritten(world: World, rewrite: Rewrite) -> Iterator[None]:
    """Let the engine of a world speak to the sandbox through ``rewrite``."""
    with httpx2.Client(base_url=str(world.http.base_url), verify=NO_CERTIFICATES) as target:
        handler = type("Handler", (_Handler,), {"target": target, "rewrite": staticmethod(rewrite)})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        section = GatewaySection(
            base_url=f"http://127.0.0.1:{server.server_port}", answer_seconds=ANSWER_SECONDS, writes_per_second=2000
        )
        before = world.engine
        gateway = make_gateway(Settings(gateway=section))
        world.engine = replace(before, gateway=Witness(gateway, before.database))
        try:
            yield
        finally:
            world.engine = before
            gateway.close()
            server.shutdown()
            thread.join()
            server.server_close()
