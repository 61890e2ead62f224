"""Pancreatic cancer: three slides of HEST-1k, whose Xenium transcripts are pooled to pseudo-spots."""

from __future__ import annotations

from stbench.slide_files.hest import HestSlides

# HEST's id -> patient.
PATIENTS = {"TENX116": "patient 2", "TENX126": "patient 1", "TENX140": "patient 3"}


class PancreasXenium(HestSlides):
    """Three slides of three patients, by HEST's ids."""

    name = "hest-pancreas-xenium"
    platform = "Xenium"
    patients = PATIENTS
