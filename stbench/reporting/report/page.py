"""The page as one text: content into templates, with styles, scripts and plotly put inside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from stbench.errors import needs_package
from stbench.names import printable
from stbench.reporting.report.beside import Beside
from stbench.reporting.report.content import BoardContent
from stbench.reporting.report.figures import correlations, cost, curves, forest, prices, ranks, slides
from stbench.reporting.report.figures.files import svg_text
from stbench.reporting.report.grid import Grid
from stbench.reporting.report.sections.ablations import AblationPart
from stbench.reporting.report.sections.links import safe_address
from stbench.reporting.report.sections.split_gap import SplitGapSection
from stbench.reporting.report.sections.tissue import TissueSection
from stbench.reporting.report.sections.transfer import TransferSection


def check_plotly() -> None:
    """UsageError where plotly is not installed: its script draws the figures, inside the page."""
    with needs_package("plotly", "A report", "`stbench leaderboard` shows the tables without it."):
        import plotly as plotly


def render(
    contents: Sequence[BoardContent],
    gap: SplitGapSection,
    problems: Sequence[str],
    ablations: Sequence[AblationPart] = (),
    across: Sequence[Grid] = (),
    transfer: TransferSection | None = None,
    bundles: Sequence[Beside] = (),
) -> str:
    """The whole page, which needs nothing beside it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from plotly.offline import get_plotlyjs

    pictures: dict[str, str] = {}
    environment = Environment(
        loader=PackageLoader("stbench.reporting.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        contents=contents,
        gap=gap,
        transfer=transfer or TransferSection(None),
        problems=problems,
        ablations=ablations,
        across=across,
        bundles=bundles,
        safe_address=safe_address,
        least_widths={content.key: slides.least_width(content.slides) for content in contents},
        figures={content.key: interactive_figures(content) for content in contents},
        diagrams={content.key: diagrams(content) for content in contents},
        prices={content.key: _prices(content) for content in contents},
        why_no_diagram=ranks.why_not_drawn(),
        tissue={content.key: tissue_values(content.tissue, pictures) for content in contents},
        pictures=pictures,
        plotly=get_plotlyjs(),
    )


def _shown(value: Any) -> Any:
    """What a template writes, without characters that hide or turn round what stands beside them."""
    return printable(value) if type(value) is str else value  # not Markup, which is the page's own


def interactive_figures(content: BoardContent) -> dict[str, Any]:
    """The plotly figures of one table, as the page's script draws them."""
    return {
        "forest": forest.interactive(content.forest),
        "slides": slides.interactive(content.slides),
        "correlations": correlations.interactive(content.correlations),
        "time": cost.interactive(content.cost.by_time, cost.TIME),
        "parameters": cost.interactive(content.cost.by_parameters, cost.PARAMETERS),
        **curves.interactive(content.curves),
    }


def tissue_values(section: TissueSection, pictures: dict[str, str]) -> dict[str, Any]:
    """The slides as the page's script draws them; each picture goes to `pictures` once and is referred to by name."""
    slides = []
    for sheet in section.slides:
        name = None
        if sheet["picture"]:
            name = hashlib.sha256(sheet["picture"].encode()).hexdigest()[:12]
            pictures[name] = sheet["picture"]
        slides.append({**sheet, "picture": name})
    return {"rows": section.rows, "folded": section.folded, "floors": section.floors, "slides": slides}


def diagrams(content: BoardContent) -> dict[str, str]:
    """Correlation in words -> its critical-difference diagram as a data address, where one can be drawn."""
    if ranks.why_not_drawn():
        return {}
    return {
        section.name: _address(svg_text(ranks.printed(section), content.board.synthetic))
        for section in content.rankings
        if section.pairwise is not None
    }


def _prices(content: BoardContent) -> str:
    found = content.cost.prices
    return _address(svg_text(prices.printed(found), content.board.synthetic)) if found else ""


def _address(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode('utf-8')).decode('ascii')}"
