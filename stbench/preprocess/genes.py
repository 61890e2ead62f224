"""Gene panels: which genes a fold is about.

train-hvg, highest and svg see the fold's training slides only. hvg-intersection sees the test slide too and is
marked leaky; a panel from a file is marked as of unknown origin, because nobody can know how it was made; marker genes
that are added to train-hvg are named, because people who chose them may have known the test slides.
How genes are ranked stands in gene_ranking.py, how a file is read in gene_file.py, markers in marker_genes.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stbench.errors import GenePanelError, UnknownName
from stbench.files import hash_file, hash_value
from stbench.preprocess import marker_genes
from stbench.preprocess.gene_file import FEWEST_GENES, measured_genes, read_gene_file
from stbench.slide import Slide

__all__ = ["SPECS", "GenePanel", "check_spec", "choose_panel", "origin", "read_gene_file", "spec_identity"]

SPECS = ("train-hvg", marker_genes.SPEC, "hvg-intersection", "highest", "svg", "file:PATH")
MIN_PANEL = FEWEST_GENES
_INTERSECTION = "hvg-intersection"
_FILE = "file:"


@dataclass(frozen=True)
class GenePanel:
    """The genes of one fold, in the order of every expression column.

    leaky   the test slides' labels helped to choose it
    note    what a reader of the result must know about its origin
    """

    genes: tuple[str, ...]
    leaky: bool = False
    note: str = ""

    @property
    def hash(self) -> str:
        return hash_value(list(self.genes))


def check_spec(spec: str) -> None:
    """UnknownName or GenePanelError where `spec` is no panel: cheap, before any slide is read."""
    if spec.startswith(_FILE):
        read_gene_file(_path(spec))
    elif spec not in SPECS and not marker_genes.markers_of(spec):
        raise UnknownName("gene panel", spec, SPECS)


def spec_identity(spec: str, n_genes: int) -> str:
    """What a panel spec stands for: its name, with the markers that it adds, and its size, or the file's content."""
    if spec.startswith(_FILE):
        return f"{_FILE}{hash_file(_path(spec))[:16]}"
    if marker_genes.has_markers(spec):
        return f"{marker_genes.SPEC}-{n_genes}:{','.join(marker_genes.markers_of(spec))}"
    return spec if spec == _INTERSECTION else f"{spec}-{n_genes}"


def origin(spec: str) -> tuple[bool, str]:
    """Whether a spec's panels are leaky, and what is known of their origin before one is chosen."""
    if spec == _INTERSECTION:
        return True, "leaky: chosen with the test slides' expression"
    if marker_genes.has_markers(spec):
        return False, marker_genes.origin_words(spec)
    return False, "origin outside the fold" if spec.startswith(_FILE) else ""


def choose_panel(
    spec: str, n_genes: int, training: Sequence[Slide], every: Sequence[Slide], min_counts: int
) -> GenePanel:
    """The panel of one fold; GenePanelError where it is empty, tiny, or names genes that no slide knows.

    `training` are the fold's training slides; `every` adds its test slides (read by hvg-intersection, and to
    tell an unknown gene from a missing one). Rankings look at spots with at least `min_counts` counts.
    """
    from stbench.preprocess import gene_ranking

    leaky, note = origin(spec)
    if marker_genes.has_markers(spec):
        return with_markers(
            choose_panel(marker_genes.BASE, n_genes, training, every, min_counts), spec, training
        )
    if spec.startswith(_FILE):
        genes, missing = measured_genes(_path(spec), read_gene_file(_path(spec)), training, every)
        return GenePanel(genes, note="; ".join(filter(None, (note, missing))))
    if spec == _INTERSECTION:
        genes = gene_ranking.intersection(every)
        _refuse_tiny(spec, genes, every, MIN_PANEL, "Few genes are highly variable on every one of them.")
        return GenePanel(genes, leaky, note)
    ranking = {
        "train-hvg": gene_ranking.highly_variable,
        "highest": gene_ranking.highest,
        "svg": gene_ranking.spatially_variable,
    }[spec]
    genes = ranking(gene_ranking.TrainingSpots(training, min_counts), n_genes)
    reason = "Few genes are measured on all of them and detected in 10 % of their spots."
    _refuse_tiny(spec, genes, training, min(MIN_PANEL, n_genes), reason)
    return GenePanel(genes, leaky, note)


def with_markers(panel: GenePanel, spec: str, training: Sequence[Slide]) -> GenePanel:
    """The panel with the markers that `spec` adds, named in its note."""
    genes, said = marker_genes.add_markers(panel.genes, marker_genes.markers_of(spec), training)
    return GenePanel(genes, note="; ".join(filter(None, (origin(spec)[1], said))))


def _path(spec: str) -> Path:
    return Path(spec.removeprefix(_FILE)).expanduser()


def _refuse_tiny(spec: str, genes: Sequence[str], slides: Sequence[Slide], least: int, reason: str) -> None:
    if len(genes) < least:
        alternatives = [other for other in ("train-hvg", "highest", "file:PATH") if other != spec]
        raise GenePanelError(
            f"Panel {spec} over slides {', '.join(slide.id for slide in slides)} has {len(genes)} genes; a panel "
            f"needs at least {least}. {reason} Try --genes {' or --genes '.join(alternatives)}."
        )
