"""What the tests run beside Python: Node with the packages of tests/javascript, and a headless Chromium."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from waiting import HANG_SECONDS

ROOT = Path(__file__).resolve().parents[1]
JAVASCRIPT = ROOT / "tests" / "javascript"
BIN = Path(sys.executable).parent
GENERATORS = BIN.parent / "generators" / "bin"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Chromium as root needs --no-sandbox; the others keep it from asking anybody but the pages under test.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def ran(*command: str | Path, folder: Path = JAVASCRIPT, **more: object) -> str:
    """Run a command and return what it printed; what failed is told with all that it said."""
    words = [str(each) for each in command]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def node(*arguments: str | Path, folder: Path = JAVASCRIPT, **more: object) -> str:
    """Run Node, as it came with the environment, and return what it printed."""
    return ran(BIN / "node", *arguments, folder=folder, **more)


def package(name: str, *arguments: str | Path, folder: Path = JAVASCRIPT) -> str:
    """Run the command that a JavaScript package brings: ``package("tsc", "--version")``."""
    command = JAVASCRIPT / "node_modules" / ".bin" / name
    assert command.exists(), "the JavaScript packages are not installed; run: make tools"
    return node(command, *arguments, folder=folder)


def chromium() -> str:
    """Return where Chromium is.

    :raises AssertionError: There is none; the sentence says how to get one.
    """
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    assert found, "no Chromium on the PATH; run `make browser` as root on Debian, else install the package chromium"
    return found


@contextmanager
def browser_page(flags: Sequence[str] = FLAGS) -> Iterator[Page]:
    """A page of a headless Chromium with an empty profile, as wide as a phone."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(flags))
        try:
            page = browser.new_context(viewport={"width": 420, "height": 900}, locale="ko-KR").new_page()
            page.set_default_timeout(1000 * HANG_SECONDS)
            yield page
        finally:
            browser.close()
