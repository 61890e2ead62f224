"""The original files of the datasets that download them, on servers laid out as the providers'."""

from __future__ import annotations

import hashlib
import importlib
import json
from pathlib import Path

import pytest
from fetching.provider_server import Provider

from stbench.fetching import RemoteFile, fetch_files


def listed(dataset: str) -> list[RemoteFile]:
    return importlib.import_module(f"stbench.datasets.{dataset}.remote").remote_files()


def test_alex_takes_three_archives_of_its_record(provider: Provider, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STBENCH_ZENODO_URL", provider.url)
    names = ["filtered_count_matrices", "images", "metadata", "raw_count_matrices", "spatial"]
    files = [
        {
            "key": "images.pdf" if name == "images" else f"{name}.tar.gz",
            "size": 10,
            "checksum": f"md5:{hashlib.md5(name.encode()).hexdigest()}",
            "links": {"self": f"{provider.url}/{name}"},
        }
        for name in names
    ]
    provider.serve("/api/records/4739739", json.dumps({"id": 4739739, "files": files}).encode())
    assert [(file.name, file.unpack) for file in listed("alex")] == [
        ("filtered_count_matrices.tar.gz", True),
        ("metadata.tar.gz", True),
        ("spatial.tar.gz", True),
    ]


def test_cscc_takes_three_files_of_twelve_samples(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("STBENCH_GEO_URL", f"{provider.url}/geo")
    sections = [f"{patient}_ST_rep{n}" for patient in ("P2", "P5", "P9", "P10") for n in (1, 2, 3)]
    expected = []
    for number, section in enumerate(sections, start=4284316):
        sample = f"GSM{number}"
        folder = f"/geo/samples/GSM4284nnn/{sample}/suppl/"
        names = [
            f"{sample}_{section}.jpg.gz",
            f"{sample}_{section}_stdata.tsv.gz",
            f"{sample}_spot_data-selection-{section}.tsv.gz",
        ]
        links = "".join(f'<a href="{name}">{name[:20]}..&gt;</a>\n' for name in (*names, "filelist.txt"))
        provider.serve(folder, links.encode())
        for name in names:
            provider.serve(folder + name, name.encode())
        expected += names
    files = listed("cscc")
    assert [file.name for file in files] == expected
    fetch_files(files, tmp_path)
    assert all((tmp_path / name).read_bytes() == name.encode() for name in expected)


def test_visium_bc_takes_three_sections_of_10x():
    files = listed("visium_bc")
    assert len(files) == 9
    assert {file.name.split("/")[0] for file in files} == {"block1", "block2", "FFPE"}
    addresses = {file.name: file.url for file in files}
    assert addresses["FFPE/image.tif"] == (
        "https://cf.10xgenomics.com/samples/spatial-exp/1.3.0/Visium_FFPE_Human_Breast_Cancer/"
        "Visium_FFPE_Human_Breast_Cancer_image.tif"
    )
    assert all(file.page.startswith("https://www.10xgenomics.com/datasets/") for file in files)
