"""Every setting of a command: as a file to start from, and as tables of the README."""

from __future__ import annotations

import datetime
import difflib
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipelines.cli.commands import COMMANDS, Command, spelled
from tabkit.config import Setting
from tabkit.errors import ConfigError

_WIDTH = 100  # columns that editors show
_EXAMPLES = {"INTEGER": "1", "NUMBER": "0.5", "DATE": "2024-12-31"}


def listing(path: str) -> dict[str, Any]:
    """Return the settings of a command as plain data, and as a file to start from.

    Raises
    ------
    ConfigError
        If there is no such command.
    """
    command = next((each for each in COMMANDS if each.path == path), None)
    if command is None:
        names = [each.path for each in COMMANDS]
        close = difflib.get_close_matches(path, names, n=1)
        advice = f"did you mean {close[0]!r}?" if close else f"the commands are {', '.join(names)}"
        raise ConfigError(f"there is no command {path!r} with settings", advice=advice)
    settings = command.listed()
    return {
        "command": path,
        "settings": [
            {
                "name": one.name,
                "option": next(iter(_options(command, one)), None),
                "required": bool(one.required),
                "default": json.loads(json.dumps(one.default, default=str)),
                "allowed": one.allowed,
                "text": one.text,
            }
            for one in settings
        ],
        "toml": starting_file(command, settings),
    }


def starting_file(command: Command, settings: list[Setting]) -> str:
    """Return a file of settings in which each is explained and has its default, or none and is left out."""
    lines = [
        f"# Settings of `tabkit {command.path}`: hand the file over with --config; arguments come before it.",
        "# What stands behind a # alone has no default, or follows something else unless it is given.",
    ]
    section: tuple[str, ...] = ()
    for one in settings:
        if one.key[:-1] != section:
            section = one.key[:-1]
            lines += ["", f"[{'.'.join(section)}]"]
        lines += ["", *_comment(command, one), _line(one)]
    return "\n".join(lines) + "\n"


def _comment(command: Command, one: Setting) -> list[str]:
    told = [one.text]
    if one.choices:
        told.append(f"One of {', '.join([*one.choices, *(f'a {each.lower()}' for each in one.types)])}.")
    if one.required:
        told.append(f"Required: give it {one.required}, or here.")
    elif options := _options(command, one):
        told.append(f"Option: {', '.join(options)}.")
    return textwrap.wrap(" ".join(told), _WIDTH, initial_indent="# ", subsequent_indent="# ")


def _line(one: Setting) -> str:
    default = _plain(one.default)
    if default is None:
        kinds = {"pairs": "{ name = 0.5 }", "flag": "true", "table": "{}"}
        value = _EXAMPLES.get(next(iter(one.types), ""), '"..."')
        value = kinds.get(one.kind, f"[{value}]" if one.kind == "list" else value)
        return f"# {one.key[-1]} = {value}"
    return f"{'# ' if one.follows else ''}{one.key[-1]} = {toml(default)}"


def _options(command: Command, one: Setting) -> list[str]:
    if one.name in command.arguments or one.kind == "table":
        return []
    return spelled(command, one.name)[0]


def toml(value: Any) -> str:
    """Return a value as TOML holds it on one line.

    >>> toml({"kind": "gamma", "levels": [0.5, True]})
    '{ kind = "gamma", levels = [0.5, true] }'
    """
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(key)} = {toml(each)}" for key, each in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml(each) for each in value)}]"
    if isinstance(value, datetime.date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key, re.ASCII) else json.dumps(key, ensure_ascii=False)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def tables() -> str:
    """Return the settings of all commands as tables in Markdown; what several share stands with the first of them."""
    first: dict[tuple[str, ...], tuple[str, str]] = {}
    return "\n".join(line for command in COMMANDS for line in _of_command(command, first))


def _of_command(command: Command, first: dict[tuple[str, ...], tuple[str, str]]) -> Iterator[str]:
    yield f"**`tabkit {command.path}`**\n\n| setting | option | default | meaning |\n|---|---|---|---|"
    shared: dict[tuple[str, str], list[str]] = {}
    for one in command.listed():
        section = _section(one)
        here = (command.path, section)
        place = first.setdefault((one.key[-1], one.text, toml(_plain(one.default)), str(one.required)), here)
        if place == here:
            yield _row(command, one)
        else:
            shared.setdefault(place, []).append(section or f"`{one.name}`")
    for (path, section), names in shared.items():
        where = f"{section} of `tabkit {path}`" if section else f"`tabkit {path}`"
        yield f"| {', '.join(dict.fromkeys(names))} | | | as in {where} |"
    yield ""


def _section(one: Setting) -> str:
    section = ".".join(one.key[:-1])
    return "" if section in ("", "roles") else f"`[{section}]`"


def _row(command: Command, one: Setting) -> str:
    option = next(iter(_options(command, one)), "")
    default = "" if one.default is None else f"`{toml(_plain(one.default))}`"
    others = ", ".join(f"`{each}`" for each in one.choices if each != one.default)
    told = f"{one.text}{f' Or {others}.' if others else ''}{' **Required.**' if one.required else ''}"
    return f"| `{one.name}` | {f'`{option}`' if option else ''} | {default} | {told.replace('|', '/')} |"


BEGIN, END = "<!-- settings: written by `make settings` -->", "<!-- settings end -->"


def refreshed(text: str) -> str:
    """Return a text with the tables of settings between its marks as they are today."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    readme = Path("README.md")
    readme.write_text(refreshed(readme.read_text(encoding="utf-8")), encoding="utf-8")
