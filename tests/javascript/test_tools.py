"""The tools that other tests need are there, in the versions that the lock files name."""

import json

from external_tools import JAVASCRIPT, node, package

LOCK = json.loads((JAVASCRIPT / "package-lock.json").read_text(encoding="utf-8"))


def test_node_came_with_the_environment():
    assert node("--version").startswith("v24.")


def test_packages_are_those_of_the_lock_file():
    locked = LOCK["packages"]["node_modules/typescript"]["version"]
    assert package("tsc", "--version") == f"Version {locked}\n"


def test_the_lock_file_holds_every_hash_and_no_address_of_a_registry():
    packages = [each for name, each in LOCK["packages"].items() if name]
    assert all("integrity" in each and "resolved" not in each for each in packages)
    assert len(packages) > 3
