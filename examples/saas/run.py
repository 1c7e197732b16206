"""Starts the whole shop on this machine: a sandbox of Checkout.com, the billing engine, and the SaaS.

    python examples/saas/run.py

Ctrl-C ends all of it. Everything is kept in a folder of its own, and is gone with it.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

import httpx2

from billing.client import Billing

HERE = Path(__file__).resolve().parent
BILLING = [sys.executable, "-m", "billing.entrypoints.cli.main"]
PLANS = HERE.parent / "plans.toml"


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the example SaaS against the sandbox.")
    parser.add_argument("--port", type=int, default=8000, help="where the SaaS listens; 0 picks a free one")
    wanted = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    require_free(wanted.port)
    with tempfile.TemporaryDirectory(prefix="saas-") as folder, Shop(Path(folder), wanted.port) as shop:
        shop.open()
        print(f"가입하기 (sign up):   {shop.saas}", flush=True)
        print(f"지갑 (the wallet):    {shop.sandbox}/wallet/agreements", flush=True)
        print(f"한 달 뒤로 (a month): billing --config {shop.config} clock advance 31d", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            shop.watch()


class Shop:
    """Every process of the shop, each with a log in the folder."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.config = folder, folder / "billing.toml"
        self.sandbox, self.api = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        self.saas = f"http://127.0.0.1:{port or free_port()}"
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def open(self) -> None:
        """Set the engine up as an operator would, and start all processes."""
        self.config.write_text(
            CONFIG.format(shop=self, port=port_of(self.api), database=self.folder / "billing.db"), encoding="utf-8"
        )
        hooks = f"{self.api}/webhooks/checkout"
        self.start("sandbox", *BILLING, "sandbox", "--port", port_of(self.sandbox), "--webhook-url", hooks)
        self.billing("migrate")
        self.billing("plans", "apply", str(PLANS), "--yes")
        self.start("api", *BILLING, "--config", str(self.config), "api")
        self.start("daemon", *BILLING, "--config", str(self.config), "daemon")
        self.wait_for(f"{self.api}/readyz")
        settings = {
            "BILLING_URL": self.api,
            "BILLING_KEY": self.new_key("saas", "backend"),
            "WEBHOOK_SECRET": self.new_endpoint(),
            "SAAS_URL": self.saas,
            "SAAS_FILE": str(self.folder / "saas.db"),
        }
        uvicorn = [sys.executable, "-m", "uvicorn", "--app-dir", str(HERE), "--port", port_of(self.saas)]
        self.start("saas", *uvicorn, "--log-level", "warning", "app:app", **settings)
        self.wait_for(f"{self.saas}/")

    def new_key(self, name: str, role: str) -> str:
        return str(json.loads(self.billing("keys", "create", name, "--role", role, "--json"))["secret"])

    def new_endpoint(self) -> str:
        """Have events about subscriptions and invoices sent to the SaaS; return the secret that signs them."""
        with Billing(self.api, self.new_key("setup", "admin")) as billing:
            hooks = f"{self.saas}/webhooks/billing"
            made = billing.webhook_endpoints.create(url=hooks, event_types=["subscription.*", "invoice.*"])
        return str(made.secret)

    def billing(self, *command: str) -> str:
        """Run a command of the engine to its end."""
        done = subprocess.run(
            [*BILLING, "--config", self.config, *command], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"billing {command[0]} failed: {done.stderr or done.stdout}")
        return done.stdout

    def start(self, name: str, *command: str, **settings: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            # In a session of its own: Ctrl-C is for this program, which ends the others in order.
            self.running[name] = subprocess.Popen(
                command, env=os.environ | settings, stdout=log, stderr=log, start_new_session=True
            )

    def wait_for(self, url: str) -> None:
        """Return when a page answers."""
        for _ in range(600):
            self.require_running()
            with contextlib.suppress(httpx2.TransportError):
                if httpx2.get(url).status_code == 200:
                    return
            time.sleep(0.05)
        raise SystemExit(f"{url} did not answer within 30 seconds; see {self.folder}")

    def require_running(self) -> None:
        for name, process in self.running.items():
            if process.poll() is not None:
                raise SystemExit(
                    f"the {name} ended: {(self.folder / f'{name}.log').read_text(errors='replace')[-2000:]}"
                )

    def watch(self) -> None:
        while True:
            self.require_running()
            time.sleep(0.5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.running.values()):
            process.terminate()
        for process in self.running.values():
            process.wait(timeout=30)


CONFIG = """
mode = "sandbox"

[database]
url = "sqlite:///{database}"

[gateway]
base_url = "{shop.sandbox}"

[api]
port = {port}
public_url = "{shop.api}"
return_urls = ["{shop.saas}"]

[daemon]
tick_seconds = 0.2
metrics_port = 0
"""


def port_of(url: str) -> str:
    return url.rpartition(":")[2]


def require_free(port: int) -> None:
    """End the program if another one listens there, as this one does when it was started twice."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SystemExit(
                f"port {port} cannot be used ({error.strerror}): is this example running already? "
                "End the other one, or take another port: python examples/saas/run.py --port 0"
            ) from None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
