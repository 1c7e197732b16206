"""The pages name ports that people can remember. Each run of the tests gives them others, which nobody uses.

The text of a block, and what it should print, is rewritten with the numbers replaced; a ``config.toml`` in the folder
tells API and daemon of them, and ``billing sandbox`` is given ``--port``.
"""

import re
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

SANDBOX, API, RECEIVER, YOUR_PAGES = "8700", "8600", "9000", "3000"
NAMED = (SANDBOX, API, RECEIVER, YOUR_PAGES)
CONFIG = """
[gateway]
base_url = "http://127.0.0.1:{sandbox}"

[api]
port = {api}
public_url = "http://127.0.0.1:{api}"

[daemon]
metrics_port = 0
"""


def free_ports() -> dict[str, str]:
    """Return a free port for each that the pages name."""
    with ExitStack() as held:  # all at once, so that no two are the same
        probes = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in NAMED]
        return {named: str(probe.getsockname()[1]) for named, probe in zip(NAMED, probes, strict=True)}


def tell(ports: Mapping[str, str], folder: Path) -> None:
    """Write down where API and gateway are, as the commands read it in a folder."""
    text = CONFIG.format(sandbox=ports[SANDBOX], api=ports[API])
    (folder / "config.toml").write_text(text, encoding="utf-8")


def with_ports(ports: Mapping[str, str], text: str) -> str:
    """Return a text that names the ports of this run."""
    found = re.sub(rf"(?<=127\.0\.0\.1:)({'|'.join(NAMED)})\b", lambda each: ports[each[1]], text)
    found = found.replace(f'("127.0.0.1", {RECEIVER})', f'("127.0.0.1", {ports[RECEIVER]})')
    return re.sub(r"\bbilling sandbox\b", f"billing sandbox --port {ports[SANDBOX]}", found)
