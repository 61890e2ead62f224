"""Pancreatic ductal adenocarcinoma: four Visium slides of HEST-1k."""

from __future__ import annotations

from stbench.slide_files.hest import HestSlides

# HEST's id -> patient.
PATIENTS: dict[str, str | None] = dict.fromkeys(("NCBI569", "NCBI570", "NCBI571", "NCBI572"))


class PancreasVisium(HestSlides):
    """Four slides by HEST's ids; their patients are not stated."""

    name = "hest-pancreas-visium"
    platform = "Visium"
    patients = PATIENTS
