"""Where the original files come from: three example datasets of 10x Genomics."""

from __future__ import annotations

from stbench.fetching import RemoteFile, visium_example_files

_PAGES = "https://www.10xgenomics.com/datasets/"
# Slide -> 10x's name, the Space Ranger version that made the files, and the page that describes them.
SECTIONS = {
    "block1": (
        "V1_Breast_Cancer_Block_A_Section_1",
        "1.1.0",
        _PAGES + "human-breast-cancer-block-a-section-1-1-standard-1-1-0",
    ),
    "block2": (
        "V1_Breast_Cancer_Block_A_Section_2",
        "1.1.0",
        _PAGES + "human-breast-cancer-block-a-section-2-1-standard-1-1-0",
    ),
    "FFPE": (
        "Visium_FFPE_Human_Breast_Cancer",
        "1.3.0",
        _PAGES + "human-breast-cancer-ductal-carcinoma-in-situ-invasive-carcinoma-ffpe-1-standard-1-3-0",
    ),
}


def remote_files() -> list[RemoteFile]:
    """Counts, spots and full-resolution image of each section, in a folder named after the slide."""
    return [
        file
        for slide, (dataset, version, page) in SECTIONS.items()
        for file in visium_example_files(dataset, version, slide, page)
    ]
