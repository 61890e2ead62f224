"""typer: parse, call, show with rich; no other logic. Heavy imports happen inside the commands that need them."""

from __future__ import annotations

import importlib.metadata
import io
import os
import sys
import warnings
from typing import Annotated, Any

import typer

from stbench.cli import (
    ablate,
    audit,
    bundle,
    cache,
    check,
    compare,
    datasets,
    doctor,
    encoders,
    enrich,
    export,
    fit,
    leaderboard,
    localise,
    methods,
    new_method,
    plan,
    predict,
    regions,
    report,
    run,
    score,
    status,
    time,
    verify,
    work,
)
from stbench.cli.debugging import debug_if
from stbench.errors import StbenchError, UsageError
from stbench.names import cleaned, printable, shortened

app = typer.Typer(
    name="stbench",
    help="How well can gene expression be predicted from an H&E slide, and by which method, honestly measured?\n\n"
    "To begin: stbench run --method spahgc --dataset demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="--debug after any command shows the traceback of an error.",
)
# Headings of --help in the order of a first day; each module holds the command of its own name.
_COMMANDS = {
    "Run a benchmark": (run, plan, work, status),
    "Look at results": (leaderboard, report, compare),
    "Ask more of results": (ablate, enrich, regions, localise),
    "Your own slides": (datasets, fit, predict),
    "Your own method": (methods, encoders, new_method, check, audit, time),
    "To and from others": (export, score, bundle, verify),
    "This machine": (doctor, cache),
}


def _add_commands() -> None:
    for heading, modules in _COMMANDS.items():
        for module in modules:
            name = module.__name__.rpartition(".")[2]
            command, typed = getattr(module, name), name.replace("_", "-")
            if isinstance(command, typer.Typer):
                app.add_typer(command, name=typed, rich_help_panel=heading)
            else:
                app.command(typed, rich_help_panel=heading)(command)


_add_commands()


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"stbench {importlib.metadata.version('stbench')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    pass


# Letters of a sentence that is shown.
_LONGEST = 2_000
_FORMAT_WARNING = warnings.formatwarning
# A mistyped command, option or value; typer does not export click's class for it.
_Mistyped = typer.BadParameter.__bases__[0]


def main() -> None:
    """Run the command line: exit status 0 done, 1 something failed while running, 2 wrong usage or unusable input."""
    debug = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    debug_if(debug)
    if not debug:
        _quieten_libraries()
    _show_any_letter()
    warnings.formatwarning = _printable_warning
    try:
        status = app(prog_name="stbench", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on, at exit neither
        status = 1
    except (KeyboardInterrupt, typer.Abort) as error:
        ended = error.__cause__
        if isinstance(ended, EOFError):  # a file that ends too soon; click calls that Abort, like Ctrl-C
            if debug:
                raise ended from None
            status = _tell(ended)
        else:
            status = 130
    except Exception as error:
        if debug:
            raise
        status = _tell(error)
    if status == 130:
        print("stbench: stopped.", file=sys.stderr)
    sys.exit(status)


def _quieten_libraries() -> None:
    """Keep what libraries say to their developers from users, here and in worker processes."""
    for category in (FutureWarning, DeprecationWarning):
        warnings.simplefilter("ignore", category)
    os.environ.setdefault("PYTHONWARNINGS", "ignore::FutureWarning,ignore::DeprecationWarning")


def _show_any_letter() -> None:
    """What the terminal's encoding lacks is shown by its number; a name must not end a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _printable_warning(*what: Any, **more: Any) -> str:
    """A warning as Python writes it, under the same bound as a sentence: a plugin may warn of anything."""
    words = printable(_FORMAT_WARNING(*what, **more)).rstrip()
    return f"{shortened(words, _LONGEST)}\n"


def _say(words: str) -> None:
    """One line on standard error; what a file or plugin wrote cannot steer the terminal, and has an end."""
    print(f"stbench: {cleaned(words, _LONGEST)}", file=sys.stderr)


def _tell(error: Exception) -> int:
    """One sentence on standard error, and the exit status that the error stands for."""
    if isinstance(error, _Mistyped):
        if len(sys.argv) == 1:  # not a mistake: a person who looks around
            print(error.format_message())  # type: ignore[attr-defined]
            return 0
        words = " ".join(error.format_message().split()).rstrip(".")  # type: ignore[attr-defined]
        end = "" if words.endswith("?") else "."
        _say(f"{words}{_found(error)}{end} See: stbench {_command()}--help")
        return 2
    if isinstance(error, StbenchError):
        _say(str(error))
        return 2 if isinstance(error, UsageError) else 1
    if isinstance(error, OSError):
        _say(str(error))
        return 2
    words = f"{type(error).__name__}: {error}".strip().rstrip(".")
    _say(f"this is a bug: {words}. --debug shows where.")
    return 1


def _found(error: Exception) -> str:
    """The value that was given for the option at fault, which typer's words leave out."""
    for option in getattr(getattr(error, "param", None), "opts", ()):
        if option in sys.argv:
            last = len(sys.argv) - 1 - sys.argv[::-1].index(option)  # of several, typer takes the last
            return f"; found {sys.argv[last + 1]!r}" if last + 1 < len(sys.argv) else ""
    return ""


def _command() -> str:
    """The command that was meant, as far as there is one of that name."""
    known = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    known |= {group.name for group in app.registered_groups}
    return f"{sys.argv[1]} " if len(sys.argv) > 1 and sys.argv[1] in known else ""
