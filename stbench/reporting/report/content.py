"""All that the page says of each table, gathered once and used for the page and for the figures as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stbench.errors import UsageError
from stbench.names import cleaned, shown_name
from stbench.reporting.report.boards import Board
from stbench.reporting.report.grid import Grid, listed
from stbench.reporting.report.sections.advice import advice
from stbench.reporting.report.sections.badges import Badge, badges
from stbench.reporting.report.sections.bootstrap import BootstrapSection, bootstrap_section
from stbench.reporting.report.sections.comparisons import ComparisonsSection, comparisons_sections
from stbench.reporting.report.sections.correlations import CorrelationsSection, correlations_section
from stbench.reporting.report.sections.cost import CostSection, cost_section
from stbench.reporting.report.sections.curves import CurvesSection, curves_section
from stbench.reporting.report.sections.enrichment import (
    EnrichmentSection,
    GenesOfRegions,
    enrichment_section,
)
from stbench.reporting.report.sections.forest import ForestSection, forest_section
from stbench.reporting.report.sections.genes import GenesSection, genes_section
from stbench.reporting.report.sections.leaderboard import LeaderboardSection, leaderboard_section
from stbench.reporting.report.sections.links import AboutDataset, Cards, dataset_of, methods_grid
from stbench.reporting.report.sections.origin import OriginSection, origin_section
from stbench.reporting.report.sections.ranking import RankingSection, ranking_sections
from stbench.reporting.report.sections.regions import RegionsSection, TableEmbeddings, regions_section
from stbench.reporting.report.sections.slides import SlidesSection, slides_section
from stbench.reporting.report.sections.tissue import TissueSection, tissue_section
from stbench.reporting.report.stored import StoredArrays
from stbench.reporting.tables.columns import inner_words

# Values of all maps of a page together, a byte each: with plotly's script the page stays below 15 MB.
_MAP_VALUES = 3_000_000
_FEWEST_GENES, _MOST_GENES = 2, 12


@dataclass(frozen=True, eq=False)
class BoardContent:
    """One table of the page; `key` tells its elements from those of other tables, `name` is what people choose by."""

    key: str
    name: str
    board: Board
    badges: list[Badge]
    forest: ForestSection
    advice: list[str]
    leaderboard: LeaderboardSection
    slides: SlidesSection
    correlations: CorrelationsSection
    cost: CostSection
    curves: CurvesSection
    rankings: list[RankingSection]
    comparisons: list[ComparisonsSection]
    bootstrap: BootstrapSection
    genes: GenesSection
    tissue: TissueSection
    regions: RegionsSection | None
    enrichment: EnrichmentSection | None
    origin: OriginSection
    methods: Grid | None
    dataset: AboutDataset | None

    @property
    def left_out(self) -> str:
        """Which rows stand in the leaderboard alone and why; "" for none."""
        twins = [entry.label for entry in self.board.twins]
        if not twins:
            return ""
        return (
            f"Figures and maps, with the numbers beside them, leave out floors that stand there tuned as well: "
            f"{listed(twins)}. The table below shows them on demand; tests, ranks and the leak gap have every row."
        )

    @property
    def scope(self) -> str:
        """How much of the data set this table is of, beside the card's words on the whole."""
        n_slides, n = len(self.board.table.identity.slides), self.board.table.n_patients
        of = f" of {n} patient{'' if n == 1 else 's'}" if n is not None else ""
        return f"This table: {n_slides} slides{of}."


def gather(
    boards: Sequence[Board],
    stored: StoredArrays,
    reference: str | None,
    wanted: Sequence[str],
    markers: Mapping[str, Sequence[str]] | None = None,
    embeddings: Mapping[str, TableEmbeddings] | None = None,
    cards: Cards = Cards(),  # noqa: B008 - frozen, hence safe to share
    region_genes: Mapping[str, GenesOfRegions | None] | None = None,
) -> list[BoardContent]:
    """The content of every table; UsageError where a wanted gene is in no panel.

    markers     data set -> its marker genes, which stand first in maps and lists of genes
    embeddings  table's id -> embeddings of its annotated slides
    cards       what the cards of methods and data sets say
    region_genes  table's id -> what two of its annotated regions' genes are
    """
    _check_wanted(boards, wanted)
    of_board = [tuple((markers or {}).get(board.table.identity.dataset, ())) for board in boards]
    n_genes = genes_that_fit(boards)
    drawn = [board.without_twins for board in boards]
    return [
        BoardContent(
            key=f"t{place}",
            name=_name(board, boards),
            board=board,
            badges=badges(board),
            forest=forest_section(drawn[place]),
            advice=advice(board),
            leaderboard=leaderboard_section(board.table, cards),
            slides=slides_section(drawn[place]),
            correlations=correlations_section(drawn[place]),
            cost=cost_section(drawn[place]),
            curves=curves_section(board),
            rankings=ranking_sections(board),
            comparisons=comparisons_sections(board, reference),
            bootstrap=bootstrap_section(board),
            genes=genes_section(board, of_board[place]),
            tissue=tissue_section(board, stored, wanted, n_genes, of_board[place]),
            regions=regions_section(drawn[place], stored, (embeddings or {}).get(board.table.id)),
            enrichment=enrichment_section(board, (region_genes or {}).get(board.table.id)),
            origin=origin_section(board),
            methods=methods_grid(board, cards),
            dataset=dataset_of(board, cards),
        )
        for place, board in enumerate(boards)
    ]


def genes_that_fit(boards: Sequence[Board]) -> int:
    """How many genes of each slide are drawn, so that a page of many slides and rows stays small."""
    values = sum(
        scored.n_spots
        for board in boards
        for entry in board.entries
        for record in entry.first_seed()
        for scored in record.slides
    )
    return max(_FEWEST_GENES, min(_MOST_GENES, _MAP_VALUES // max(values, 1)))


def _name(board: Board, boards: Sequence[Board]) -> str:
    """What tells the tables of one page apart: the options that made them, the data's hash where these agree."""
    alike = [other for other in boards if _options(other) == _options(board)]
    data = f", data {board.table.identity.data[:8]}" if len(alike) > 1 else ""
    return f"{_options(board)}{data} ({board.table.id})"


def _options(board: Board) -> str:
    identity = board.table.identity
    mark = ", leaky" if board.table.leaky else ""
    dataset, genes = shown_name(identity.dataset), cleaned(identity.genes)
    return (
        f"{dataset}: {identity.split} split, genes {genes}, {inner_words(identity)}, "
        f"{len(identity.slides)} slides{mark}"
    )


def _check_wanted(boards: Sequence[Board], wanted: Sequence[str]) -> None:
    known = {gene for board in boards for record in board.records for gene in record.panel_genes}
    unknown = [gene for gene in wanted if gene not in known]
    if unknown:
        examples = ", ".join(sorted(known)[:3]) or "none"
        raise UsageError(
            f"--genes {unknown[0]} is in no gene panel of these results; name genes of their {len(known)}, such as "
            f"{examples}."
        )
