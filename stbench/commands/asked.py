"""What a run is asked for: everything that decides its results, as plain values that a plan's file can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from stbench import registry
from stbench.contract import ReadingOptions
from stbench.errors import UsageError
from stbench.files import hash_value
from stbench.plain_record import first_fault

DEFAULT_PRESET = "paper"
# Said in the place of methods' names: every one that is no floor.
ALL = "all"
# The simplest method that looks at the image and the neighbourhood.
DEFAULT_REFERENCE = "smooth"


class Asked(BaseModel):
    """The options of `stbench run` by their names; what is not given has its default.

    encoder    one name, or several with commas between them
    reference  the row that all others are to be tested against, named before there is a result
    suite      the content of the frozen suite that fixed the rest, {} for none
    only_with_embeddings  methods that take none are left to a run of another encoder beside this one
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    methods: tuple[str, ...]
    dataset: str
    data_root: Path | None = None
    split: str = "slide"
    inner: str = "pairs"
    tune_on: str = "pcc"
    halving: bool = False
    grid: str = "small"
    genes: str = "train-hvg"
    n_genes: int = 250
    scale: str = "minmax"
    target: str = "logcpm"
    encoder: str = "efficientnet_lite0"
    patch_px: int = 224
    patch_um: float | None = None
    variant: str = DEFAULT_PRESET
    settings: Mapping[str, Mapping[str, Any]] = {}
    min_counts: int = 100
    epochs: int | None = None
    seeds: tuple[int, ...] = (0,)
    slides: tuple[str, ...] | None = None
    threads: int | None = None
    device: str = "auto"
    reference: str = DEFAULT_REFERENCE
    bin_um: float | None = None
    drop_outside: bool = False
    um_per_px: float | None = None
    suite: Mapping[str, Any] = {}
    only_with_embeddings: bool = False

    @property
    def encoders(self) -> tuple[str, ...]:
        """The encoders by name; a run is of one."""
        return tuple(name.strip() for name in self.encoder.split(",") if name.strip())

    @property
    def name(self) -> str:
        """A short name for what is asked for, wherever its data lie."""
        return hash_value(self.model_dump(mode="json", exclude={"data_root"}))

    @property
    def reading(self) -> ReadingOptions:
        """How slides are read."""
        return ReadingOptions(self.bin_um, self.drop_outside, self.um_per_px)

    def design(self) -> dict[str, Any]:
        """The part that a Design is made from."""
        from stbench.preprocess.patches import PatchSize

        about = {"methods", "dataset", "data_root", "variant", "settings", "seeds", "slides"}
        about |= {"reference", "suite", "only_with_embeddings", "bin_um", "drop_outside", "um_per_px"}
        patch = PatchSize(self.patch_px, self.patch_um)
        return self.model_dump(exclude=about | {"patch_px", "patch_um"}) | {"patch": patch}

    @classmethod
    def of(cls, **given: Any) -> Asked:
        """What was given by name, one name for a list of one; UsageError for a value that no run can have."""
        for name in ("methods", "slides"):
            if isinstance(given.get(name), str):
                given[name] = (given[name],)
        if isinstance(given.get("encoder"), (list, tuple)):
            given["encoder"] = ",".join(map(str, given["encoder"]))
        if isinstance(given.get("methods"), (list, tuple)):
            given["methods"] = _methods_named(given["methods"])
        if isinstance(given.get("dataset"), str):
            given["dataset"] = registry.canonical_name("dataset", given["dataset"])
        if isinstance(given.get("epochs"), int) and given["epochs"] < 1:
            raise UsageError(
                f"--epochs {given['epochs']} trains nothing; give 1 or more, or leave it out for "
                f"{_usual_epochs(given.get('dataset'))}."
            )
        try:
            return cls(**given)
        except ValidationError as error:
            raise UsageError(f"This is nothing that can be run: {first_fault(error)}.") from error

    @classmethod
    def by_suite(cls, suite: str | Path, **typed: Any) -> Asked:
        """What a frozen suite fixes, and of what was typed, what it leaves open; UsageError for a contradiction."""
        from stbench.commands.suite_options import apply
        from stbench.commands.suites import find_suite

        frozen = find_suite(suite)
        return cls.of(**apply(frozen, typed), suite=frozen.model_dump(mode="json"))


def _usual_epochs(dataset: str | None) -> str:
    """In words, for how many epochs a network trains on a data set where nobody bounds them."""
    try:
        most = None if dataset is None else registry.dataset_card(dataset).max_epochs
    except UsageError:  # no data set, which is told elsewhere
        most = None
    return "the published number" if most is None else f"at most {most}, the bound of {dataset}'s card"


def _methods_named(names: Sequence[str]) -> tuple[str, ...]:
    """Methods by their own names, each once; `all` is every one that is no floor, since floors always join."""
    found: list[str] = []
    for name in names:
        broken, floors = registry.broken_plugins("method"), registry.floor_methods()
        every = [known for known in registry.plugins("method") if known not in {*broken, *floors}]
        found += every if name == ALL else [registry.canonical_name("method", name)]
    return tuple(dict.fromkeys(found))


def asked_for(methods: Sequence[str] | str, suite: Path | str | None, given: Mapping[str, Any]) -> Asked:
    """What a call from Python asks for, where nobody can tell a value that was given from the default that it is."""
    if suite is None:
        if given["dataset"] is None:
            raise UsageError(
                "dataset names the data set to run on, or suite a frozen suite; give one of them."
            )
        return Asked.of(methods=methods, **given)
    defaults = {name: field.default for name, field in Asked.model_fields.items()}
    other = {
        name: value
        for name, value in given.items()
        if value is not None and value != defaults[name] and value != list(defaults[name] or ())
    }
    return Asked.by_suite(suite, methods=methods, **other)
