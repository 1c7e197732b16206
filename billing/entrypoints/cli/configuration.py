"""`billing config`: write the commented file of settings; show the settings in effect, and where each comes from."""

import json
import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from billing.config.environment import FILE_VARIABLE
from billing.config.kinds import DatabaseUrl, Setting, settings_in, value_at
from billing.config.settings import Settings
from billing.config.source import DEFAULT_FILE, Origin, read_configuration
from billing.entrypoints.cli.context import session_of
from billing.entrypoints.cli.lazy import HELP_NAMES, MARKUP
from billing.entrypoints.cli.options import AsJson
from billing.entrypoints.cli.output import print_json, print_table, say
from billing.operations.engine import Refusal
from billing.store.database_url import read_database_url, shown

app = typer.Typer(
    help="The settings: write config.toml, show them and where each comes from.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    context_settings=HELP_NAMES,
)
_IN_THE_CHECKOUT: Final = Path(__file__).resolve().parents[3] / "config.toml"
_HIDDEN: Final = "***"


@dataclass(frozen=True, slots=True)
class Shown:
    """A setting in effect. ``value`` is null where it is not set, and asterisks where it is a secret.

    ``named``: the file or the variables that it comes from.
    """

    setting: str
    value: Any
    origin: Origin
    named: str | None


@app.command("init")
def init(
    context: typer.Context,
    as_json: AsJson = False,
) -> None:
    """Write config.toml, with every setting, its default and a comment. A file that is there is not overwritten."""
    file = session_of(context).config or Path(os.environ.get(FILE_VARIABLE) or DEFAULT_FILE)
    text = shipped_text()
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise Refusal(f"{file} is there already, and nothing was written; name another with --config FILE") from None
    if as_json:
        print_json({"written": str(file)})
    else:
        say(f"{file} is written: the settings with their defaults, for this machine and the bundled sandbox.")


@app.command("show")
def show(
    context: typer.Context,
    as_json: AsJson = False,
    only_set: Annotated[bool, typer.Option("--set", help="Only what is not left at its default.")] = False,
) -> None:
    """Show every setting in effect and where it comes from: default, file or environment. No secret is shown."""
    read = read_configuration(session_of(context).config)
    plain = read.settings.model_dump(mode="json")
    rows = [
        Shown(setting.key, _value_of(setting, read.settings, plain), *read.origin_of(setting))
        for setting in settings_in(Settings)
    ]
    rows = [row for row in rows if row.origin is not Origin.DEFAULT or not only_set]
    if as_json:
        print_json(rows)
        return
    table = [(row.setting, _in_words(row.value), row.origin.value) for row in rows]
    print_table(("Setting", "~Value", "From"), table, empty="Every setting is at its default.")
    if read.file is not None:
        say(f"The file is {read.file}.", "dim")


def shipped_text() -> str:
    """Return the commented file of settings that this program brings; a checkout has it in its first folder."""
    packaged = files("billing").joinpath("config.toml")
    return (packaged if packaged.is_file() else _IN_THE_CHECKOUT).read_text(encoding="utf-8")


def _value_of(setting: Setting, settings: Settings, plain: dict[str, Any]) -> Any:
    if isinstance(setting.mark, DatabaseUrl):
        return shown(read_database_url(setting.of(settings).get_secret_value()))
    if setting.is_secret:
        return _HIDDEN if setting.all_of(settings) or setting.key in _built_in(settings) else None
    return value_at(plain, setting.path)


def _built_in(settings: Settings) -> list[str]:
    """Return which secrets are not set, and stand in effect all the same."""
    effective = {
        "secrets.gateway_secret_key": settings.secret_key(),
        "secrets.webhook_keys": settings.webhook_keys(),
        "secrets.endpoint_keys": settings.endpoint_keys(),
    }
    return [key for key, value in effective.items() if value]


def _in_words(value: Any) -> str:
    if value is None:
        return "not set"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
