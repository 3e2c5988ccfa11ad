"""What a settings class says of each setting: meaning, type, choices and default, read from class and docstring."""

from __future__ import annotations

import datetime
import inspect
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

from tabkit.config.settings import Config, how_required

Kind = Literal["flag", "value", "list", "pairs", "table"]

_TYPES = {int: "INTEGER", float: "NUMBER", datetime.date: "DATE", str: "TEXT"}
_COLUMN = ("COLUMN",)
"""What can be given for a role."""
_HEAD = re.compile(r"^(\w+(?:, \w+)*)$")

UNUSED: Any = Field(default=None, json_schema_extra={"unused": True})
"""Of a setting that a job passes over, so that one file of settings can serve several commands."""
FOLLOWS: dict[str, Any] = {"follows": True}
"""Of a setting whose default holds only where nothing else speaks."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which roles columns may have in a job, and what each means there: it stands beside the type of a setting."""

    meaning: dict[str, str]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a class of settings.

    Parameters
    ----------
    key
        Its name in a file, with the section it stands in: ``("boosting", "seed")``.
    text
        What it means, in one or more sentences.
    kind
        A flag is true or false, pairs are text and a number, a table is anything that only a file can say.
    types
        What a value, or each of a list, can be, besides `choices`.
    choices
        All that is allowed, where that can be listed.
    default
        What holds where nothing is said; None for nothing.
    required
        How it is given where it cannot be missing.
    follows
        Whether it follows something else unless it is given.
    """

    key: tuple[str, ...]
    text: str
    kind: Kind
    types: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    default: Any = None
    required: str | None = None
    follows: bool = False

    @property
    def name(self) -> str:
        """The name with its section, as `--set` takes it."""
        return ".".join(self.key)

    @property
    def allowed(self) -> str:
        """What can be given, in capitals where it cannot be listed."""
        return "|".join([*self.choices, *self.types])

    @property
    def is_role(self) -> bool:
        """Whether it says which column has a role."""
        return self.types == _COLUMN


def described(kind: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[Setting]:
    """Yield the settings of a class, its own before inherited ones, each section after those that stand in none.

    >>> class Fit(Config):
    ...     rate: float = 0.1
    >>> [(one.name, one.allowed, one.default) for one in described(Fit)]
    [('rate', 'NUMBER', 0.1)]
    """
    texts, sections = meanings(kind), []
    for name, field in sorted(kind.model_fields.items(), key=lambda item: item[0] not in kind.__annotations__):
        if _extra(field, "unused"):
            continue
        columns = next((each for each in field.metadata if isinstance(each, Columns)), None)
        section = _section(field.annotation)
        if columns is not None:
            sections.append([_role((*above, name, role), text) for role, text in columns.meaning.items()])
        elif section is not None:
            sections.append(list(described(section, (*above, name))))
        else:
            yield _setting((*above, name), field, texts.get(name, ""))
    for inner in sections:
        yield from inner


def meanings(kind: type[BaseModel]) -> dict[str, str]:
    """Return the text of each setting from the numpy docstrings of a class and of those it extends.

    >>> class Fit(Config):
    ...     '''How it is fitted.
    ...
    ...     Parameters
    ...     ----------
    ...     rate
    ...         How fast
    ...         it learns.
    ...     '''
    ...
    ...     rate: float = 0.1
    >>> meanings(Fit)
    {'rate': 'How fast it learns.'}
    """
    texts: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        _, _, told = inspect.cleandoc(each.__doc__ or "").partition("Parameters\n----------\n")
        names: list[str] = []
        for line in told.partition("\n\n")[0].splitlines():
            if head := _HEAD.match(line):
                names = head[1].split(", ")
                texts |= dict.fromkeys(names, "")
            else:
                texts |= {name: f"{texts[name]} {_plain(line)}".strip() for name in names}
    return texts


def _plain(line: str) -> str:
    return line.strip().replace("``", "`")


def _role(key: tuple[str, ...], text: str) -> Setting:
    return Setting(key, text, "value", _COLUMN)


def _setting(key: tuple[str, ...], field: FieldInfo, text: str) -> Setting:
    members = list(_members(field.annotation))
    kind, members = _kind(members)
    literals = [value for each in members if get_origin(each) is Literal for value in get_args(each)]
    return Setting(
        key,
        text,
        kind,
        tuple(_TYPES[each] for each in _TYPES if each in members),
        tuple(str(value) for value in literals),
        field.get_default(call_default_factory=True),
        how_required(field),
        _extra(field, "follows"),
    )


def _kind(members: list[Any]) -> tuple[Kind, list[Any]]:
    """Return how values are given, and what one of them can be."""
    if bool in members:
        return "flag", []
    for each in members:
        if get_origin(each) is dict:
            return ("pairs", []) if float in _members(get_args(each)[1]) else ("table", [])
        if get_origin(each) is list:
            inner = list(_members(get_args(each)[0]))
            return ("table", []) if any(get_origin(one) is dict for one in inner) else ("list", inner)
    return "value", members


def _members(annotation: Any) -> Iterator[Any]:
    """Yield the members of a union, or the type itself; without None and what stands beside a type."""
    if get_origin(annotation) is Annotated:
        yield from _members(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for each in get_args(annotation):
            yield from _members(each)
    elif annotation is not type(None):
        yield annotation


def _section(annotation: Any) -> type[Config] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, Config) else None


def _extra(field: FieldInfo, name: str) -> bool:
    return isinstance(field.json_schema_extra, dict) and bool(field.json_schema_extra.get(name))
