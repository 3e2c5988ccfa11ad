"""Options of a command, made from the class of its settings when they are first asked for.

Values go on as they were typed: the settings class alone says what is allowed, whether they stand in a file or here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer
from typer.core import TyperCommand

from pipelines.cli.commands import CONTEXT, Command, spelled
from pipelines.cli.run import ConfigFile, Debug, Json, Overwrite, Set, bars, merged, run
from tabkit.errors import ConfigError

if TYPE_CHECKING:
    from tabkit.config import Setting

_WRITTEN = {"output", "save", "report", "curve"}
_COMMON = {"config": ConfigFile, "set_": Set, "as_json": Json, "debug": Debug}
_NARROW = 24
"""What is allowed stands beside an option if it is no wider; else in its text."""
_NOT_GIVEN = {"overwrite": False, "as_json": False, "debug": False}


class LateCommand(TyperCommand):
    """A command that reads its settings class when its options are first asked for: `tabkit --help` needs none."""

    command: ClassVar[Command]

    @cached_property
    def whole(self) -> Any:
        """The command with its options."""
        app = typer.Typer(add_completion=False, context_settings=CONTEXT)
        app.command(self.command.path.rpartition(" ")[2], help=self.command.help)(function_of(self.command))
        return typer.main.get_command(app)

    @property
    def params(self) -> Any:
        """Arguments and options."""
        return self.whole.params

    @params.setter
    def params(self, _: object) -> None:
        """Take no others."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Read arguments, former spellings too."""
        return super().parse_args(ctx, self.command.today(args))

    def invoke(self, ctx: Any) -> Any:
        """Run it."""
        return self.whole.invoke(ctx)


def add(app: typer.Typer, command: Command) -> None:
    """Add a command to an app."""
    late = type("LateCommand", (LateCommand,), {"command": command})
    app.command(command.path.rpartition(" ")[2], help=command.help, cls=late)(lambda: None)


def function_of(command: Command) -> Callable[..., None]:
    """Return the function that typer makes a command of: one parameter for each option."""
    bound = list(_bound(command, [one for one in command.listed() if one.kind != "table"]))
    writes = any(one.name in _WRITTEN for _, one in bound)
    common = {**({"overwrite": Overwrite} if writes else {}), **_COMMON}

    def function(**values: Any) -> None:
        config, set_, as_json, debug = (values.pop(name) for name in _COMMON)
        overwrite = {"overwrite": values.pop("overwrite")} if writes else {}

        def job() -> dict[str, Any]:
            given = _given(command, [(one, values[name]) for name, (_, one) in zip(values, bound, strict=True)])
            return command.function()(merged(config, set_, given), **overwrite, progress=bars())

        run(job, f"{command.view or command.job}_view", as_json=as_json, debug=debug)

    parameters = [each for each, _ in bound]
    parameters += [_parameter(name, kind, default=_NOT_GIVEN.get(name)) for name, kind in common.items()]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {each.name: each.annotation for each in parameters}
    return function


def _bound(command: Command, settings: Sequence[Setting]) -> Iterator[tuple[inspect.Parameter, Setting]]:
    """Yield the parameters of settings: arguments, then options, the required ones first, each with former names."""
    by_name = {one.name: one for one in settings}
    for one in (by_name[name] for name in command.arguments):
        kind: Any = list[str] if one.kind == "list" else str
        yield _parameter(one.name, Annotated[kind | None, typer.Argument(help=_help(one))]), one
    for one in sorted(settings, key=lambda one: not one.required):
        shown, former = spelled(command, one.name)
        for number, names in enumerate([shown, *([each] for each in former)]):
            if names and one.name not in command.arguments:
                kind = {"flag": bool, "value": str}.get(one.kind, list[str])
                option = _option(one, names, hidden=number > 0)
                yield _parameter(f"{'__'.join(one.key)}_{number}", Annotated[kind | None, option]), one


def _parameter(name: str, annotation: Any, *, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _option(one: Setting, names: list[str], *, hidden: bool) -> Any:
    if one.kind == "flag":
        names = [f"{names[0]}/--no-{names[0].removeprefix('--')}", *names[1:]]
    return typer.Option(
        *names,
        help=_help(one),
        hidden=hidden,
        metavar=_metavar(one),
        show_default=False,
        autocompletion=_completion(one.choices) if one.choices else None,
        rich_help_panel="Columns" if one.is_role else None,
    )


def _completion(choices: Sequence[str]) -> Callable[[str], list[str]]:
    return lambda incomplete: [each for each in choices if each.startswith(incomplete)]


def _metavar(one: Setting) -> str | None:
    named = {"flag": None, "pairs": "ARM=NUMBER"}
    short = one.allowed if len(one.allowed) <= _NARROW else "|".join([*one.types, "WORD"])
    return named.get(one.kind, short or "TEXT")


def _help(one: Setting) -> str:
    """Return the first sentence of what a setting means, and what is allowed; `tabkit settings` says all."""
    told = [one.text.partition(". ")[0].rstrip(".") + "."]
    if len(one.allowed) > _NARROW:
        told.append(f"One of {', '.join(one.choices)}.")
    if one.kind in ("list", "pairs") and one.name != "source":
        told.append("May be repeated.")
    if one.required:
        told.append("(required)")
    elif one.default is True or (isinstance(one.default, str | int | float) and one.default is not False):
        told.append(f"(default: {'yes' if one.default is True else one.default})")
    return " ".join(told)


def _given(command: Command, typed: Iterable[tuple[Setting, Any]]) -> dict[str, Any]:
    """Return what was typed as nested settings."""
    values: dict[str, Any] = {}
    for one, value in typed:
        if value is None or value == []:
            continue
        inner = values
        for section in one.key[:-1]:
            inner = inner.setdefault(section, {})
        inner[one.key[-1]] = _value(command, one, value)
    for first, second in command.apart:
        if values.get(first) and values.get(second):
            raise ConfigError(f"--{first} and --{second} exclude each other", advice="give one of them, not both")
    return values


def _value(command: Command, one: Setting, value: Any) -> Any:
    if one.kind == "pairs":
        return dict(_pair(item, spelled(command, one.name)[0][0]) for item in value)
    if one.kind == "list" and "TEXT" not in one.types:
        return [part.strip() for item in value for part in item.split(",")]
    return value


def _pair(item: str, option: str) -> tuple[str, float]:
    """Read ARM=NUMBER; an arm may hold a = of its own."""
    arm, _, number = item.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        arm, value = "", 0.0
    if not arm:
        raise ConfigError(f"{option} is {item!r}; ARM=NUMBER was expected", advice=f"write {option} mail=0.5")
    return arm, value
