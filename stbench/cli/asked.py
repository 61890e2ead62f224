"""The options of `run` and `plan` that decide what is asked for, once for both."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from stbench.cli.options import (
    Bin,
    DataRoot,
    DropOutside,
    MicronsPerPixel,
    method_settings,
    names,
    whole_numbers,
)
from stbench.errors import UsageError

if TYPE_CHECKING:
    from stbench.commands.asked import Asked

# Headings of --help, with the options below each; the others, which a first run needs, stand first.
_HEADINGS = {
    "How it is measured": (
        "split inner tune_on halving grid genes n_genes scale target min_counts epochs seeds reference audit"
    ),
    "Method and image encoder": "variant set_ encoder patch_px patch_um",
    "Reading slides": "data_root slides bin_um drop_outside um_per_px",
    "Where it runs": "device threads workers per_device time_limit cluster in_process",
}


@dataclass(kw_only=True)
class Options:
    """As they are typed."""

    method: Annotated[
        str, typer.Option(help="Method names or model:FILE, comma-separated; floors always join.")
    ]
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Dataset name, or path:DIR; see `stbench datasets`.")
    ] = None
    suite: Annotated[
        str | None,
        typer.Option(
            "--suite",
            help="Everything that makes a table, fixed by name: demo, her2-core, her2-8patients, or a file.",
        ),
    ] = None
    data_root: DataRoot = None
    split: Annotated[str, typer.Option(help="Outer split: slide, patient or slide-matched.")] = "slide"
    inner: Annotated[
        str,
        typer.Option(
            help="Inner loop: pairs (shared by pairs of patients or slides), all (literal), none, or K."
        ),
    ] = "pairs"
    tune_on: Annotated[
        str, typer.Option(help="What the inner loop maximises: pcc, pcc-equal-depth or pcc-given-depth.")
    ] = "pcc"
    halving: Annotated[
        bool, typer.Option("--halving", help="Settings that trail at 1/4 and 1/2 of the epochs stop there.")
    ] = False
    grid: Annotated[str, typer.Option(help="Settings the inner loop tries: small or full.")] = "small"
    genes: Annotated[
        str,
        typer.Option(
            help="Panel: train-hvg, train-hvg+markers (the dataset's marker genes too), hvg-intersection, highest, svg "
            "or file:PATH."
        ),
    ] = "train-hvg"
    n_genes: Annotated[int, typer.Option(help="Genes in a chosen panel.")] = 250
    scale: Annotated[str, typer.Option(help="minmax, zscore or none.")] = "minmax"
    target: Annotated[
        str,
        typer.Option(
            help="What is predicted: logcpm (log counts per million) or pearson (Pearson residuals)."
        ),
    ] = "logcpm"
    encoder: Annotated[
        str,
        typer.Option(
            help="Frozen image encoder; see `stbench encoders`. Several, comma-separated, make rows of one table."
        ),
    ] = "efficientnet_lite0"
    patch_px: Annotated[
        int, typer.Option(help="Patch edge at full resolution, in pixels; white beyond the image's border.")
    ] = 224
    patch_um: Annotated[
        float | None, typer.Option(help="Patch edge in microns, where the slide knows its pixel size.")
    ] = None
    variant: Annotated[
        str,
        typer.Option(
            help="Preset of the method's settings: paper (as published) or released (as in the code)."
        ),
    ] = "paper"
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="METHOD.KEY=VALUE, one hyperparameter; repeatable.")
    ] = None
    min_counts: Annotated[
        int,
        typer.Option(
            help="Spots with fewer counts are left out of training slides altogether (attention, graphs, banks, "
            "batch statistics); on test slides they are predicted and not scored."
        ),
    ] = 100
    epochs: Annotated[int | None, typer.Option(help="Upper bound on epochs.")] = None
    seeds: Annotated[str, typer.Option(help="Seeds, comma-separated.")] = "0"
    slides: Annotated[str | None, typer.Option(help="Only these slides, comma-separated.")] = None
    bin_um: Bin = None
    drop_outside: DropOutside = False
    um_per_px: MicronsPerPixel = None
    reference: Annotated[
        str, typer.Option(help="The row that all others are to be tested against, named before the run.")
    ] = "smooth"
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of each trial (default: $OMP_NUM_THREADS, else 1).")
    ] = None
    device: Annotated[
        str,
        typer.Option(
            help="auto (a GPU where there is one), cpu, cuda (all CUDA devices, dealt out to the workers), cuda:N "
            "(that one alone) or mps."
        ),
    ] = "auto"

    # Names of the options that were typed; not a field.
    typed = frozenset[str]()

    def asked(self) -> Asked:
        """What is asked for; UsageError for what cannot be read."""
        from stbench.commands.asked import Asked

        given = {field.name: getattr(self, field.name) for field in fields(self)}
        methods = names(given.pop("method"))
        if not methods:
            raise UsageError("--method names no method; see `stbench methods`.")
        if self.device.lower() == "gpu":  # the nearest name is cpu, the last that is meant
            raise UsageError(
                f"--device {self.device} is no device's name: NVIDIA's GPUs are cuda, Apple's mps, the processor cpu."
            )
        given["settings"] = method_settings(given.pop("set_") or [], methods)
        given["seeds"] = whole_numbers(self.seeds, "--seeds")
        given["slides"] = names(self.slides) if self.slides is not None else None
        suite = given.pop("suite")
        if suite is not None:
            typed = {name: value for name, value in given.items() if name in {*self.typed, "settings"}}
            return Asked.by_suite(suite, methods=methods, **typed)
        if given["dataset"] is None:
            raise UsageError(
                "--dataset names the data set to run on, or --suite a frozen suite; give one of them."
            )
        return Asked.of(methods=methods, **given)


def with_options(command: Callable[..., None], **instead: Any) -> Callable[..., None]:
    """A command for typer whose first argument, an `Options`, is given by the options that are its fields.

    instead  for a field of that name another annotation, such as a positional argument
    """
    own = get_type_hints(Options, include_extras=True) | instead
    further = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    shared = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=own[field.name],
        )
        for field in fields(Options)
    ]

    def called(context: typer.Context, **given: Any) -> None:
        options = Options(**{field.name: given.pop(field.name) for field in fields(Options)})
        sources = {name: context.get_parameter_source(name) for name in vars(options)}
        options.typed = frozenset(
            n for n, source in sources.items() if source and source.name == "COMMANDLINE"
        )
        command(options, **given)

    itself = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    keyword_only = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in further]
    parameters = [itself, *map(_below_its_heading, [*shared, *keyword_only])]
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {p.name: p.annotation for p in parameters}
    called.__name__, called.__doc__ = command.__name__, command.__doc__
    return called


def _below_its_heading(parameter: inspect.Parameter) -> inspect.Parameter:
    """The parameter with its heading of --help; commands that share an option may show it elsewhere."""
    heading = next((title for title, own in _HEADINGS.items() if parameter.name in own.split()), None)
    if heading is None:
        return parameter
    about = copy.copy(parameter.annotation.__metadata__[0])
    about.rich_help_panel = heading
    return parameter.replace(annotation=Annotated[parameter.annotation.__origin__, about])
