"""Reads the settings that stand in environment variables, and refuses names that are none."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from billing.config.kinds import BETWEEN, FILE_SUFFIX, PREFIX, Setting, settings_in
from billing.config.secrets import BadSecretFile, read_secret_file
from billing.config.settings import Settings

FILE_VARIABLE: Final = "BILLING_CONFIG"
OTHER_VARIABLES: Final = (FILE_VARIABLE, "BILLING_TRACE", "BILLING_URL", "BILLING_KEY")
"""Our own variables that are no settings; URL and KEY are those of programs that use the API, as the examples do."""
_KUBERNETES: Final = re.compile(
    r"BILLING_(\w+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
"""What Kubernetes tells each container of a service that is called billing, or billing-something."""
_KUBERNETES_PORT: Final = re.compile(r"BILLING_(\w+_)?PORT")


@dataclass(slots=True)
class Environment:
    """What the variables tell: ``told`` as a nested table, the name of the variable of each setting, and problems."""

    told: dict[str, Any] = field(default_factory=dict, repr=False)
    variables: dict[tuple[str, ...], str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def variable_of(self, place: tuple[Any, ...]) -> str | None:
        """Return the variable that a value, or a part of it, comes from; None when all of it comes from elsewhere."""
        above = (self.variables.get(place[:length]) for length in range(len(place), 0, -1))
        within = (name for path, name in self.variables.items() if path[: len(place)] == place)
        return next((name for name in (*above, *within) if name is not None), None)


def read_environment(variables: Mapping[str, str]) -> Environment:
    """Return what the variables set. Problems name variables, and no value that may be a secret."""
    ours = {name: value for name, value in variables.items() if name.upper().startswith(PREFIX)}
    found = Environment()
    known = set(OTHER_VARIABLES)
    for setting in settings_in(Settings):
        known |= _take(setting, ours, found)
    found.problems += [
        _unknown(name) for name in sorted(ours) if name not in known and not _is_of_kubernetes(name, ours)
    ]
    return found


def names_of(setting: Setting) -> Iterator[str]:
    """Yield the names of the variables that a setting is read from; of a table, those of its keys begin with it."""
    yield setting.variable
    if setting.is_secret:
        yield setting.variable + FILE_SUFFIX


def _take(setting: Setting, ours: Mapping[str, str], found: Environment) -> set[str]:
    """Put into ``found`` what the variables say of one setting; return the names that are known by it."""
    taken = [name for name in names_of(setting) if ours.get(name)]
    if len(taken) > 1:
        found.problems.append(f"{' and '.join(taken)} are both set; set one of them")
    elif taken:
        try:
            value = _value_of(setting, taken[0], ours[taken[0]])
        except BadSecretFile as error:
            found.problems.append(str(error))
        except json.JSONDecodeError:
            found.problems.append(f"{taken[0]}: is no JSON; write it such as {_EXAMPLES[setting.is_table]}")
        else:
            _put(found, setting.path, value, taken[0])
    known = set(names_of(setting))
    for name in ours if setting.is_table else ():
        if name.startswith(setting.variable + BETWEEN):
            _put(found, (*setting.path, name.removeprefix(setting.variable + BETWEEN)), ours[name], name)
            known.add(name)
    return known


_EXAMPLES: Final = {True: '{"KRW": 100}', False: '["one", "another"]'}


def _value_of(setting: Setting, name: str, text: str) -> Any:
    if setting.is_secret:
        return read_secret_file(name, text) if name.endswith(FILE_SUFFIX) else text
    return json.loads(text) if setting.is_list_or_table else text


def _put(found: Environment, path: tuple[str, ...], value: Any, variable: str) -> None:
    *above, last = path
    table = found.told
    for part in above:
        inner = table.setdefault(part, {})
        if not isinstance(inner, dict):
            return  # what stands there is no table, which is told when it is checked
        table = inner
    table[last] = value
    found.variables[path] = variable


def _unknown(name: str) -> str:
    names = [each for setting in settings_in(Settings) for each in names_of(setting)] + list(OTHER_VARIABLES)
    sections = sorted({each.rpartition(BETWEEN)[0] for each in names if BETWEEN in each})
    if name in names:
        return f"{name} is not a setting"
    if name.upper() in sections:
        inside = [each for each in names if each.startswith(f"{name.upper()}{BETWEEN}")]
        return f"{name} is a section; set its settings one by one, such as {inside[0]}"
    near = [name.upper()] if name.upper() in names else difflib.get_close_matches(name.upper(), names, n=1)
    hint = f"did you mean {near[0]}?" if near else "`billing config show` lists what can be set"
    return f"{name} is not a setting; {hint}"


def _is_of_kubernetes(name: str, ours: Mapping[str, str]) -> bool:
    is_port = _KUBERNETES_PORT.fullmatch(name) is not None and re.match(r"(tcp|udp|sctp)://", ours[name]) is not None
    return is_port or _KUBERNETES.fullmatch(name) is not None
