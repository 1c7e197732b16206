"""A sandbox inside a test process: its own thread, event loop and port."""

import asyncio
import threading
from types import TracebackType
from typing import Self

from billing.sandbox.app import serve
from billing.sandbox.options import Options


class SandboxServer:
    """``with SandboxServer() as sandbox: … sandbox.url`` on a free port of 127.0.0.1, seed 1.

    Keep one for many tests and ``POST /_sandbox/reset`` between them.
    """

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options(port=0, seed=1, quiet=True)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for us
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with serve(self._options) as world:
            self.url = world.base_url
            self._ready.set()
            await self._stop.wait()
