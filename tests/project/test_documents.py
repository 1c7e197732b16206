"""What the documents say is what the code does."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from billing.config.settings import Settings
from billing.config.source import read_settings
from billing.domain.decline_classes import DeclineClass

ROOT = Path(__file__).resolve().parents[2]


def assert_up_to_date(generator):
    command = [sys.executable, "-m", generator, "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def keys_of(model: type[BaseModel], prefix: str = "") -> set[str]:
    found = set()
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= keys_of(inner, f"{prefix}{name}.")
        else:
            found.add(f"{prefix}{name}")
    return found


def test_the_shipped_config_holds_exactly_the_defaults():
    assert read_settings(ROOT / "config.toml").model_dump() == Settings().model_dump()


@pytest.mark.parametrize("key", sorted(key for key in keys_of(Settings) if not key.startswith("secrets.")))
def test_the_shipped_config_shows_every_setting(key):
    shown = (ROOT / "config.toml").read_text(encoding="utf-8")
    told = tomllib.loads(shown)
    for part in key.split("."):
        if part not in told:
            assert f"# {part} = " in shown, f"config.toml does not show {key}"
            return
        told = told[part]


@pytest.mark.parametrize("secret", sorted(key.split(".")[1] for key in keys_of(Settings) if key.startswith("secrets.")))
def test_the_shipped_config_names_every_secret(secret):
    assert f"BILLING_SECRETS__{secret.upper()}" in (ROOT / "config.toml").read_text(encoding="utf-8")


def test_the_states_in_the_architecture_page_are_drawn_from_the_code():
    assert_up_to_date("tools.draw_states")


def test_no_module_is_longer_than_400_lines_and_the_median_is_under_100():
    lengths = sorted(
        len(file.read_text(encoding="utf-8").splitlines())
        for folder in ("billing", "plans")
        for file in (ROOT / folder).rglob("*.py")
        if file.stat().st_size
    )
    assert lengths[-1] <= 400
    assert lengths[len(lengths) // 2] < 100


def test_the_page_of_errors_is_written_from_the_code():
    assert_up_to_date("tools.write_error_tables")


def test_the_decline_classes_in_the_concepts_are_those_of_the_code():
    assert_up_to_date("tools.write_decline_table")


def test_the_comment_in_the_configuration_names_every_decline_class():
    text = (ROOT / "config.toml").read_text(encoding="utf-8")
    section = text.split("[dunning.codes]")[1].split("\n[")[0]
    missing = [each.value for each in DeclineClass if not re.search(rf"\b{each.value}\b", section)]
    assert not missing, f"the comment of [dunning.codes] in config.toml does not name {missing}"


def test_the_events_on_the_page_of_webhooks_are_told_by_the_code():
    assert_up_to_date("tools.write_event_list")


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))],
    ids=lambda page: page.name,
)
def test_every_link_to_another_file_leads_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    files = [link.partition("#")[0] for link in links if "://" not in link]
    assert [file for file in files if file and not (page.parent / file).exists()] == []


def test_every_generator_is_on_the_page_for_contributors_and_no_code_is_in_docs():
    generators = {each.stem for each in (ROOT / "tools").glob("*_*.py") if "__main__" in each.read_text("utf-8")}
    assert generators <= set(re.findall(r"`tools/(\w+)\.py`", CONTRIBUTING))
    assert not list((ROOT / "docs").rglob("*.py"))


CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:billing|docs|migrations|tests|tools)/[\w/.-]+)`", CONTRIBUTING)))
)
def test_where_a_thing_goes_is_a_place_that_exists(path):
    assert (ROOT / path).exists()


def test_every_folder_of_tests_is_on_the_page_for_contributors():
    folders = {each.name for each in (ROOT / "tests").iterdir() if any(each.glob("test_*.py"))}
    assert folders <= set(re.findall(r"`(\w+)`", CONTRIBUTING)) | {"javascript"}


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make (\w+)", CONTRIBUTING))))
def test_every_target_on_the_page_for_contributors_can_be_made(target):
    assert re.search(rf"^{target}:.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
