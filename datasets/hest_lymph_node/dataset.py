"""Metastatic breast cancer in lymph nodes: four Visium slides of HEST-1k."""

from __future__ import annotations

from stbench.slide_files.hest import HestSlides

# HEST's id -> patient.
PATIENTS = {
    "NCBI681": "Patient 8",
    "NCBI682": "Patient 7",
    "NCBI683": "Patient 6",
    "NCBI684": "Patient 3",
}


class LymphNode(HestSlides):
    """Four slides of four patients, by HEST's ids."""

    name = "hest-lymph-node"
    platform = "Visium"
    patients = PATIENTS
