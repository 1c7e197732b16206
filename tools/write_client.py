"""Writes the models and methods of ``billing.client`` from the OpenAPI document. `--check` only compares."""

import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from billing.config.settings import Settings
from billing.entrypoints.api.app import create_app
from tools.client_methods import Operation, class_of, operations, resource_module
from tools.client_models import model_modules
from tools.client_types import refs_in

CLIENT = Path(__file__).resolve().parents[1] / "billing" / "client"
_NO_ENGINE: Any = None


def written() -> dict[Path, str]:
    """Return the text of every module that is written from the document."""
    document = create_app(Settings(), _NO_ENGINE).openapi()
    by_resource: dict[str, list[Operation]] = defaultdict(list)
    for each in operations(document):
        by_resource[each.resource].append(each)
    files = {CLIENT / "models" / f"{name}.py": text for name, text in model_modules(document, _roots(document)).items()}
    schemas = document["components"]["schemas"]
    for folder, is_async in (("resources", False), ("async_resources", True)):
        for resource, found in by_resource.items():
            files[CLIENT / folder / f"{resource}.py"] = resource_module(resource, found, schemas, is_async=is_async)
        files[CLIENT / folder / "__init__.py"] = _index(sorted(by_resource), folder, is_async=is_async)
    return _formatted(files)


def _roots(document: dict[str, Any]) -> dict[str, set[str]]:
    """Name the schemas that the good answers of each resource hold, and what may be asked for in a query."""
    found: dict[str, set[str]] = defaultdict(set)
    for each in operations(document):
        told = document["paths"][each.path][each.method.lower()]
        good = {status: answer for status, answer in told["responses"].items() if status.startswith("2")}
        found[each.resource] |= set(refs_in([good, told.get("parameters", [])]))
        found[each.resource] |= {
            name for name in _enums_of(document, told.get("requestBody", {})) if name not in found[each.resource]
        }
    return found


def _enums_of(document: dict[str, Any], body: Any) -> set[str]:
    schemas = document["components"]["schemas"]
    asked = {ref for name in refs_in(body) for ref in [name, *refs_in(schemas[name])]}
    return {name for name in asked if "enum" in schemas[name]}


def _index(resources: list[str], folder: str, *, is_async: bool) -> str:
    wire = "AsyncWire" if is_async else "Wire"
    imports = "\n".join(
        f"from billing.client.{folder}.{each} import {class_of(each, is_async=is_async)}" for each in resources
    )
    made = "\n".join(f"        self.{each} = {class_of(each, is_async=is_async)}(wire)" for each in resources)
    called = "AsyncResources" if is_async else "Resources"
    return (
        '"""Every resource of the API. Written by `make client` from the OpenAPI document."""\n\n'
        f"{imports}\nfrom billing.client.wire import {wire}\n\n\n"
        f"class {called}:\n    def __init__(self, wire: {wire}) -> None:\n{made}\n"
    )


def _formatted(files: dict[Path, str]) -> dict[Path, str]:
    """Return code as `make format` leaves it."""
    ruff = str(Path(sys.executable).parent / "ruff")
    with tempfile.TemporaryDirectory() as folder:
        places = {file: Path(folder) / file.relative_to(CLIENT) for file in files}
        for file, place in places.items():
            place.parent.mkdir(exist_ok=True)
            place.write_text(files[file], encoding="utf-8")
        for command in (["check", "--fix-only"], ["format"]):
            arguments = [ruff, *command, "--quiet", "--config", "pyproject.toml", folder]
            subprocess.run(arguments, cwd=CLIENT.parents[1], check=True)  # noqa: S603
        return {file: place.read_text(encoding="utf-8") for file, place in places.items()}


def _compare(files: dict[Path, str]) -> None:
    there = {file for folder in {file.parent for file in files} for file in folder.glob("*.py")}
    stale = sorted(
        file for file in there | set(files) if not file.exists() or file.read_text("utf-8") != files.get(file)
    )
    if stale:
        named = ", ".join(str(file.relative_to(CLIENT)) for file in stale)
        sys.exit(f"billing/client differs from the OpenAPI document; run `make client`: {named}")


def _write(files: dict[Path, str]) -> None:
    for folder in {file.parent for file in files}:
        folder.mkdir(exist_ok=True)
        for file in set(folder.glob("*.py")) - set(files):
            file.unlink()
    for file, text in files.items():
        file.write_text(text, encoding="utf-8")
    print(f"billing/client: {len(files)} modules written")


if __name__ == "__main__":
    (_compare if "--check" in sys.argv[1:] else _write)(written())
