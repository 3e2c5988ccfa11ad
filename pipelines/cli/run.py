"""Run a command: merge settings, run one job, and print a view, a JSON object or an error."""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tabkit import threads
from tabkit.errors import ConfigError, TabkitError
from tabkit.untrusted.pathnames import refusal

if TYPE_CHECKING:
    from rich.console import RenderableType

_PANEL = "Of every command"
Json = Annotated[
    bool,
    typer.Option("--json", rich_help_panel=_PANEL, help="Print one JSON object on standard output instead of text."),
]
Debug = Annotated[bool, typer.Option("--debug", rich_help_panel=_PANEL, help="Show the whole traceback of an error.")]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", rich_help_panel=_PANEL, help="Replace what stands there, whatever it is; an input never."
    ),
]
ConfigFile = Annotated[
    str | None,
    typer.Option("--config", metavar="FILE.toml", rich_help_panel=_PANEL, help="Settings; arguments come before them."),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        rich_help_panel=_PANEL,
        help="One setting, such as boosting.num_leaves=63. May be repeated.",
    ),
]

_WRITTEN = ("output", "save", "report", "curve", "rules")
"""Settings that name a file to write: the settings file is none of them."""


def run(job: Callable[[], dict[str, Any]], view: str, *, as_json: bool, debug: bool) -> None:
    """Run a job and show what it says: by a function of `pipelines.cli.views`, as in ``uplift.train_view``."""
    try:
        # Standard output is for the result: what libraries say on the way goes to standard error.
        with contextlib.redirect_stdout(sys.stderr):
            threads.check()
            threads.tell(threads.available())  # no library that computes is imported before the job
            result = job()
            text = json.dumps(result, allow_nan=False) if as_json else ""
    except Exception as error:
        raise typer.Exit(_failed(error, as_json=as_json, debug=debug)) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(interrupted(as_json=as_json)) from error
    if not heard(
        lambda: sys.stdout.write(f"{text}\n") if as_json else _show(view, result), besides="; all else is done"
    ):
        raise typer.Exit(2)


def _show(view: str, result: dict[str, Any]) -> None:
    from pipelines.cli.views.kit import Printer

    module, _, name = view.rpartition(".")
    views = importlib.import_module(f"pipelines.cli.views.{module or 'propensity'}")
    shown: RenderableType = getattr(views, name)(result)
    if isinstance(shown, str):  # is meant for a file
        sys.stdout.write(shown)
    else:
        Printer().print(shown, highlight=False)


def heard(write: Callable[[], object], *, besides: str = "") -> bool:
    """Write to standard output; where that cannot be (a full disk, a reader that left), say so and return False.

    Parameters
    ----------
    write
        Does it.
    besides
        What the message ends with.
    """
    if sys.stdout is None:  # closed before the start: nobody wants to hear
        return True
    try:
        write()
        sys.stdout.flush()
    except OSError as error:
        unheard(error, besides=besides)
        return False
    return True


def unheard(error: OSError, *, besides: str = "") -> int:
    """Say in one sentence that standard output cannot be written to; return the exit code."""
    with contextlib.suppress(OSError):  # else Python fails again at its end, with what is left in the buffer
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    with contextlib.suppress(OSError):
        sys.stderr.write(f"tabkit: cannot write to standard output: {error.strerror or error}{besides}\n")
    return 2


def _failed(error: Exception, *, as_json: bool, debug: bool) -> int:
    """Report an error, and return the exit code that goes with it."""
    described = _known(error)
    if described is None or debug:
        traceback.print_exception(error)
    if described is None:
        if as_json:
            print_error("fault", f"{type(error).__name__}: {error}", "this is a bug of tabkit: report it, please")
        return 1
    from rich.console import Console

    from pipelines.cli.views.kit import error_block

    console = Console(stderr=True)
    console.print(error_block(described, boxed=console.is_terminal), highlight=False, soft_wrap=not console.is_terminal)
    if as_json:
        print_error(described.stage, described.problem, described.advice)
    return 2


def _known(error: Exception) -> TabkitError | None:
    """Return an error that the user can mend as one of ours; None for a fault."""
    if isinstance(error, TabkitError):
        return error
    if isinstance(error, ImportError) and "pip install" in str(error):
        return ConfigError(str(error))
    # A file that is not there was looked for before: that it is missed now would be a fault.
    if isinstance(error, OSError) and error.filename is not None and error.errno != errno.ENOENT:
        return refusal(error.filename, error, kind=TabkitError)
    if isinstance(error, UnicodeEncodeError) and any(0xD800 <= ord(c) < 0xE000 for c in error.object):
        return ConfigError(
            f"{error.object!r} is not UTF-8", advice="write columns, labels and names of tables in UTF-8"
        )
    return None


def interrupted(*, as_json: bool) -> int:
    """Say that a run was broken off; return its exit code."""
    sys.stderr.write("tabkit: interrupted; nothing was left half done\n")
    if as_json:
        print_error("interrupted", "stopped before the end", None)
    return 130


def print_error(stage: str, problem: str, advice: str | None) -> None:
    """Print an error as one JSON object."""
    said = json.dumps({"error": {"stage": stage, "problem": problem, "advice": advice}})
    heard(lambda: sys.stdout.write(f"{said}\n"))


def merged(file: str | None, assignments: list[str] | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the file, then `--set`, then the arguments."""
    from tabkit.config import merge, override, read
    from tabkit.destination import refuse_inputs

    values = merge(override(read(file) if file else {}, assignments or []), given_only(given))
    for name in _WRITTEN if file else ():
        if isinstance(values.get(name), str):
            refuse_inputs(values[name], [str(file)], error=ConfigError)
    return values


def given_only(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the arguments that were not given."""
    return {key: value for key, value in values.items() if value is not None}


def bars() -> Any:
    """Return progress bars on standard error."""
    from rich.console import Console

    from pipelines.cli.progress import Bars

    return Bars(Console(stderr=True))
