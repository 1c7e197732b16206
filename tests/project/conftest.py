"""Reads settings as a process does that starts: from a file and the environment."""

import os

import pytest

from billing.config.source import read_settings


@pytest.fixture
def read(tmp_path, monkeypatch):
    for name in os.environ:
        if name.startswith("BILLING_"):
            monkeypatch.delenv(name)

    def read_text(text, **environment):
        file = tmp_path / "config.toml"
        file.write_text(text, encoding="utf-8")
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return read_settings(file)

    return read_text
