"""`stbench fit`: a method trained on all slides, kept in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stbench.cli.asked import Options, with_options
from stbench.cli.options import DEFAULT_OUT, Json, Out, names, print_json

if TYPE_CHECKING:
    from stbench.commands.fit import Fitted


@with_options
def fit(
    options: Options,
    to: Annotated[Path, typer.Option("--to", help="The model file to write.")],
    out: Out = DEFAULT_OUT,
    json: Json = False,
) -> None:
    """Train one method on all slides with what the nested loop chose under --out, and keep it in a model file."""
    from stbench.cli.first_words import say_what_is_read

    say_what_is_read(names(options.method), options.dataset, out, options.suite)
    from stbench.cli.consoles import results_kept_apart
    from stbench.cli.progress import ProgressListener
    from stbench.commands import fit as fitting

    with results_kept_apart(), ProgressListener() as listener:
        fitted = fitting.fit(options.asked(), to, out, listener)
    if json:
        print_json(_as_json(fitted))
        return
    _show(fitted)


def _as_json(fitted: Fitted) -> dict[str, object]:
    card = fitted.card.model_dump(mode="json")
    trusted = card.pop("trust")
    return {"model": str(fitted.path), "seconds": fitted.seconds, **card, "trust": trusted}


def _show(fitted: Fitted) -> None:
    """What was kept, whose terms it comes under, and what may be expected of it, in a few lines."""
    from stbench.cli.consoles import messages, output
    from stbench.commands.model_words import about_model

    output().print(str(fitted.path))
    for sentence in about_model(fitted.card):
        messages().print(sentence)
