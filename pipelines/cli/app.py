"""The `tabkit` command: arguments in, one job run, one view or one JSON object out.

Imports are delayed to the command that needs them, so that `tabkit --help` answers at once.
"""

from __future__ import annotations

import io
import signal
import sys
import threading
from typing import Annotated, Any

import typer

from pipelines.cli.commands import COMMANDS, CONTEXT, GROUPS
from pipelines.cli.options import add
from pipelines.cli.run import Debug, Json, interrupted, print_error, run, unheard
from tabkit import __version__

app = typer.Typer(
    name="tabkit",
    help="Whom to contact, what they are worth, and how sure we are: train, score and inspect tabular models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=CONTEXT,
)
_GROUPS = {
    name: typer.Typer(name=name, help=told, no_args_is_help=True, context_settings=CONTEXT)
    for name, told in GROUPS.items()
}
for _command in COMMANDS:
    add(_GROUPS.get(_command.path.partition(" ")[0], app), _command)
for _group in _GROUPS.values():
    app.add_typer(_group)

# What typer raises for arguments that do not parse. Its newer versions carry a click of their own under a private
# name, its older ones import click; this base class is the same thing in both.
_USAGE_ERROR: Any = typer.BadParameter.__bases__[0]


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(f"tabkit {__version__}")
        raise typer.Exit


@app.command()
def settings(
    command: Annotated[list[str], typer.Argument(help="A command, such as train, or cltv fit.")],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Print every setting of a command as a file to start from: what it means, its default and what is allowed."""

    def job() -> dict[str, Any]:
        from pipelines.cli.listing import listing

        return listing(" ".join(command))

    run(job, "settings.settings_view", as_json=as_json, debug=debug)


def main() -> None:
    """Run the command: exit 0, 2 for what the user can mend, 130 for Ctrl-C, 1 for a fault of ours."""
    _prepare()
    try:
        code = app(standalone_mode=False)
    except _USAGE_ERROR as error:
        _say_what_was_meant(error)
        error.show()
        if "--json" in sys.argv:
            print_error("usage", error.format_message(), "see --help")
        code = 2
    except OSError as error:  # of the help or of messages: what a job meets is said by `run`
        code = unheard(error)
    except (KeyboardInterrupt, typer.Abort):
        code = interrupted(as_json="--json" in sys.argv)
    sys.exit(code if isinstance(code, int) else 0)


def _say_what_was_meant(error: Any) -> None:
    """Let an unknown option be answered as an unknown command or setting is."""
    close, error.possibilities = getattr(error, "possibilities", None), None
    if close:
        error.message = f"{error.message}. Did you mean {' or '.join(close)}?"


def _prepare() -> None:
    """Let a terminal of few characters show the others as ?, and let a polite kill clean up as Ctrl-C does."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
