"""typer: parse, call, show with rich; no other logic. Heavy imports happen inside the commands that need them."""

from __future__ import annotations

import sys

import typer

from stbench.cli import checking, listing, making, running
from stbench.errors import StbenchError, UsageError

app = typer.Typer(
    name="stbench",
    help="How well can gene expression be predicted from an H&E slide, and by which method, honestly measured?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="--debug after any command shows the traceback of an error.",
)
app.command()(running.run)
app.command()(listing.leaderboard)
app.command()(listing.methods)
app.add_typer(listing.datasets, name="datasets")
app.command()(listing.encoders)
app.command()(checking.check)
app.command()(checking.audit)
app.command()(checking.doctor)
app.add_typer(making.cache, name="cache")
app.command("new-method")(making.new_method)


def main() -> None:
    """Run the command line: exit status 0 done, 1 something failed while running, 2 wrong usage or unusable input."""
    debug = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    try:
        app()
    except StbenchError as error:
        if debug:
            raise
        print(f"stbench: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except BrokenPipeError:
        sys.exit(1)
