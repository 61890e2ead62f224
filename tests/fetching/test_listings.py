"""Zenodo's records, GEO's listing pages and 10x's layout, as the providers write them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from fetching.provider_server import Provider

from stbench.errors import DatasetError
from stbench.fetching import RemoteFile, fetch_files, geo_files, visium_example_files, zenodo_files

DOI = "10.5281/zenodo.4739739"
BODIES = {"metadata.tar.gz": b"metadata", "images.pdf": b"pages of images", "spatial.tar.gz": b"positions"}


@pytest.fixture(autouse=True)
def providers(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STBENCH_ZENODO_URL", provider.url + "/")
    monkeypatch.setenv("STBENCH_GEO_URL", f"{provider.url}/geo")
    monkeypatch.setenv("STBENCH_10X_URL", provider.url)


# --- Zenodo -------------------------------------------------------------------------------------------------


def md5(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()


def serve_record(provider: Provider, newer_form: bool = False) -> None:
    """A record in one of the two forms in which Zenodo has answered."""
    files = []
    for name, body in BODIES.items():
        if newer_form:
            files.append({"id": "x", "filename": name, "filesize": len(body), "checksum": md5(body)})
            provider.serve(f"/records/4739739/files/{name}?download=1", body)
        else:
            place = f"/api/records/4739739/files/{name}/content"
            files.append(
                {
                    "id": "x",
                    "key": name,
                    "size": len(body),
                    "checksum": f"md5:{md5(body)}",
                    "links": {"self": provider.serve(place, body)},
                }
            )
    record = {"id": 4739739, "doi": DOI, "files": files}
    provider.serve("/api/records/4739739", json.dumps(record).encode())


@pytest.mark.parametrize("newer_form", [False, True])
def test_a_zenodo_record_states_names_sizes_and_checksums(
    provider: Provider, tmp_path: Path, newer_form: bool
):
    serve_record(provider, newer_form)
    files = zenodo_files(DOI)
    assert {file.name: (file.size, file.md5) for file in files} == {
        name: (len(body), md5(body)) for name, body in BODIES.items()
    }
    assert {file.page for file in files} == {f"{provider.url}/records/4739739"}
    fetch_files(files, tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in BODIES} == BODIES


def test_some_files_of_a_zenodo_record(provider: Provider):
    serve_record(provider)
    files = zenodo_files(DOI, ["spatial.tar.gz", "metadata.tar.gz"], unpack=["spatial.tar.gz"])
    assert [(file.name, file.unpack) for file in files] == [
        ("metadata.tar.gz", False),
        ("spatial.tar.gz", True),
    ]
    with pytest.raises(
        DatasetError, match=r"4739739 has no file named counts\.h5; it has images\.pdf, metadata"
    ):
        zenodo_files(DOI, ["counts.h5"])


def test_zenodo_that_has_no_such_record(provider: Provider):
    body = json.dumps({"status": 404, "message": "The persistent identifier does not exist."}).encode()
    provider.serve("/api/records/4739739", body, status=404)
    with pytest.raises(
        DatasetError, match=r"lists no files for .*4739739 \(The persistent identifier does not"
    ):
        zenodo_files(DOI)
    provider.serve("/api/records/4739739", b"<html>maintenance</html>", status=503)
    with pytest.raises(DatasetError, match="is no record; try again later"):
        zenodo_files(DOI)
    with pytest.raises(DatasetError, match="is no DOI of a Zenodo record"):
        zenodo_files("10.1038/s41588-021-00911-1")


def test_zenodo_out_of_reach(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STBENCH_ZENODO_URL", "http://127.0.0.1:9")
    with pytest.raises(DatasetError, match=r"Zenodo record .*4739739: 127\.0\.0\.1:9 cannot be reached"):
        zenodo_files(DOI)


# --- GEO ----------------------------------------------------------------------------------------------------

LISTING = """<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">
<html><head><title>Index of /geo/samples/GSM4284nnn/GSM4284316/suppl</title></head><body>
<h1>Index of /geo/samples/GSM4284nnn/GSM4284316/suppl</h1>
<pre>Name                     Last modified      Size  <hr>
<a href="/geo/samples/GSM4284nnn/GSM4284316/">Parent Directory</a>
<a href="?C=S;O=A">Size</a>
<a href="GSM4284316_P2_ST_rep1.jpg.gz">GSM4284316_P2_ST_rep1.jpg.gz</a>                  2020-05-21 12:00  1.1M
<a href="GSM4284316_P2_ST_rep1_stdata.tsv.gz">GSM4284316_P2_ST_rep1_stdata..&gt;</a> 2020-05-21 12:00  2.5M
<a href="GSM4284316_spot_data-selection-P2_ST_rep1.tsv.gz">GSM4284316_spot_data-sel..&gt;</a> 2020-05-21 12:00   20K
<a href="GSM4284316_a%23b.txt">GSM4284316_a#b.txt</a>
<a href="old/">old/</a>
<hr></pre>
<a href="https://www.hhs.gov/vulnerability-disclosure-policy/index.html">HHS Vulnerability Disclosure</a>
</body></html>"""
SUPPLEMENT = "/geo/samples/GSM4284nnn/GSM4284316/suppl/"


def test_geo_supplementary_files_of_a_sample(provider: Provider, tmp_path: Path):
    provider.serve(SUPPLEMENT, LISTING.encode())
    counts = "GSM4284316_P2_ST_rep1_stdata.tsv.gz"
    provider.serve(SUPPLEMENT + counts, b"counts")
    assert [file.name for file in geo_files(["GSM4284316"])] == [
        "GSM4284316_P2_ST_rep1.jpg.gz",
        counts,
        "GSM4284316_spot_data-selection-P2_ST_rep1.tsv.gz",
        "GSM4284316_a#b.txt",
    ]
    assert geo_files(["GSM4284316"])[-1].url == f"{provider.url}{SUPPLEMENT}GSM4284316_a%23b.txt"
    (file,) = geo_files(["GSM4284316"], ["*_stdata.tsv.gz"])
    assert file == RemoteFile(
        counts,
        f"{provider.url}{SUPPLEMENT}{counts}",
        page="https://www.ncbi.nlm.nih.gov/geo/query/acc.cgi?acc=GSM4284316",
    )
    fetch_files([file], tmp_path)
    assert (tmp_path / counts).read_bytes() == b"counts"


@pytest.mark.parametrize(
    ("accession", "folder"),
    [
        ("GSE144240", "/geo/series/GSE144nnn/GSE144240/suppl/"),
        ("GSE42", "/geo/series/GSEnnn/GSE42/suppl/"),
        ("GSM1234", "/geo/samples/GSM1nnn/GSM1234/suppl/"),
    ],
)
def test_geo_places_an_accession_by_its_number(provider: Provider, accession: str, folder: str):
    provider.serve(folder, b'<a href="x.txt">x.txt</a>')
    assert [file.url for file in geo_files([accession])] == [f"{provider.url}{folder}x.txt"]


def test_a_busy_provider_is_asked_again_for_its_list(provider: Provider):
    provider.serve(SUPPLEMENT, LISTING.encode(), failing=[503, 502])
    assert len(geo_files(["GSM4284316"])) == 4


def test_geo_without_such_a_sample_or_file(provider: Provider):
    provider.serve(SUPPLEMENT, LISTING.encode())
    with pytest.raises(
        DatasetError, match=r"GSM4284316 has no supplementary file \*\.h5; .* lists GSM4284316_P2"
    ):
        geo_files(["GSM4284316"], ["*_stdata.tsv.gz", "*.h5"])
    with pytest.raises(
        DatasetError, match=r"GEO's list of GSM4284399 is not at .*\(HTTP 404\).*acc=GSM4284399"
    ):
        geo_files(["GSM4284399"])
    with pytest.raises(DatasetError, match="is no GEO series or sample"):
        geo_files(["../GSM1"])


# --- 10x ----------------------------------------------------------------------------------------------------


def test_visium_examples_get_the_names_that_space_ranger_gives(provider: Provider):
    dataset = "V1_Breast_Cancer_Block_A_Section_1"
    files = visium_example_files(dataset, "1.1.0", "block1", "https://page")
    place = f"{provider.url}/samples/spatial-exp/1.1.0/{dataset}/{dataset}"
    assert {file.name: (file.url, file.unpack) for file in files} == {
        "block1/filtered_feature_bc_matrix.h5": (f"{place}_filtered_feature_bc_matrix.h5", False),
        "block1/spatial.tar.gz": (f"{place}_spatial.tar.gz", True),
        "block1/image.tif": (f"{place}_image.tif", False),
    }
