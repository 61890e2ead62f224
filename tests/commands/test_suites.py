"""Suites: what the shipped ones fix, what a typed option may say beside one, what is wrong with a file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import yaml

from stbench import registry
from stbench.commands.asked import Asked
from stbench.commands.suite_options import apply, check_weights
from stbench.commands.suites import SHIPPED, Suite, find_suite, shipped_suites
from stbench.datasets.demo import plugin as Demo
from stbench.errors import UsageError
from stbench.evaluation.design import Design

PATIENTS_OF_HER2 = "A" * 6 + "B" * 6 + "C" * 6 + "D" * 6 + "EEEFFFGGGHHH"
LIVE = """
name: ours
dataset: demo
slides: [A1, A2, B1]
split: slide
inner: none
tune_on: pcc-equal-depth
halving: true
grid: full
genes: highest
n_genes: 30
target: logcpm
scale: zscore
encoder: efficientnet_lite0@ac64389b
patch: 112 um
min_counts: 50
seeds: [1, 0]
reference: ridge
"""


def written(folder: Path, text: str = LIVE, name: str = "ours.yaml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def with_line(key: str, value: str, text: str = LIVE) -> str:
    """The file with another value of a key, which must be there."""
    lines = [f"{key}: {value}" if line.startswith(f"{key}:") else line for line in text.splitlines()]
    assert lines != text.splitlines() or f"{key}: {value}" in lines
    return "\n".join(lines)


def test_the_named_suites_are_there_and_can_be_run():
    assert {"demo", "her2-core", "her2-8patients"} <= shipped_suites().keys()
    for name in shipped_suites():
        suite = find_suite(name)
        assert suite.name == name and suite.label == f"{name} {suite.hash}"
        card = registry.dataset_card(suite.dataset)
        assert len(suite.slides) <= (card.n_slides or 99)
        check_weights(suite)
        options = apply(suite, {"methods": ("ridge",)})
        reference = options.pop("reference")
        asked = Asked.of(**options)
        Design(asked.dataset, **asked.design() | {"device": "cpu", "threads": 1})
        assert reference in registry.floor_methods()


def test_every_key_of_a_shipped_suite_stands_in_its_file_as_it_is_read():
    for name, path in shipped_suites().items():
        plain = yaml.safe_load(path.read_text())
        suite = find_suite(name)
        assert {key: list(v) if isinstance(v, tuple) else v for key, v in suite if v is not None} == plain


def test_suites_hold_slides_that_are_there(tmp_path: Path):
    assert list(find_suite("demo").slides) == [f"{p}{i}" for p in "AB" for i in (1, 2)]
    assert [f"{p}{i}" for p in "AB" for i in (1, 2)] == [s.id for s in Demo().slides(tmp_path)]
    eight = find_suite("her2-8patients")
    assert "".join(slide[0] for slide in eight.slides) == PATIENTS_OF_HER2 and eight.split == "patient"
    assert set(find_suite("her2-core").slides) < set(eight.slides)
    numbered = {patient: PATIENTS_OF_HER2.count(patient) for patient in "ABCDEFGH"}
    assert set(eight.slides) == {f"{p}{i}" for p, n in numbered.items() for i in range(1, n + 1)}


def test_what_a_suite_may_say_is_what_a_design_takes():
    of_suite, of_design = get_type_hints(Suite), get_type_hints(Design)
    for key in ("split", "tune_on", "grid", "target", "scale"):
        assert get_args(of_suite[key]) == get_args(of_design[key]) != ()


def test_the_hash_is_of_what_is_fixed_alone(tmp_path: Path):
    ours = find_suite(written(tmp_path))
    same = ("# a comment\n" + with_line("name", "theirs", with_line("seeds", "[0, 1]"))).replace(
        "[A1, A2, B1]", "[B1, A2, A1]"
    )
    assert find_suite(written(tmp_path, same)).hash == ours.hash
    assert find_suite(written(tmp_path, same)).label == f"theirs {ours.hash}"
    changed = {
        "dataset": "demo-tiny", "slides": "[A1, B1]", "split": "patient", "inner": "3", "tune_on": "pcc",
        "halving": "false", "grid": "small", "genes": "svg", "n_genes": "31", "target": "pearson", "scale": "none",
        "encoder": "efficientnet_lite0@ac64389c", "patch": "112 px", "min_counts": "51", "seeds": "[0]",
        "reference": "smooth",
    }  # fmt: skip
    hashes = [find_suite(written(tmp_path, with_line(k, v))).hash for k, v in changed.items()]
    hashes.append(find_suite(written(tmp_path, LIVE + "epochs: 5\n")).hash)
    assert len({ours.hash, *hashes}) == len(hashes) + 1 == len(Suite.model_fields)


def test_the_hash_can_be_worked_out_by_hand():
    fixed = yaml.safe_load((SHIPPED / "demo.yaml").read_text())
    del fixed["name"]
    text = json.dumps(fixed, sort_keys=True, separators=(",", ":"))
    assert find_suite("demo").hash == hashlib.sha256(text.encode()).hexdigest()[:8]


def test_a_panel_file_lies_beside_the_suite_and_counts_by_content(tmp_path: Path, cache):
    found = []
    for folder, genes in (("a", "G1\n"), ("b", "G1\n"), ("c", "G2\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "genes.txt").write_text(genes)
        found.append(find_suite(written(tmp_path / folder, with_line("genes", "file:genes.txt"))))
    one, same, other = found
    assert one.hash == same.hash != other.hash
    assert apply(one, {})["genes"] == f"file:{tmp_path}/a/genes.txt"
    assert apply(one, {"genes": f"file:{tmp_path}/b/genes.txt"})["genes"] == f"file:{tmp_path}/a/genes.txt"
    with pytest.raises(UsageError, match="contradicts suite ours"):
        apply(one, {"genes": f"file:{tmp_path}/c/genes.txt"})


def test_marker_genes_of_the_card_are_a_part_of_what_is_fixed(tmp_path: Path):
    text = with_line("genes", "train-hvg+markers")
    found = find_suite(written(tmp_path, text))
    listed = ",".join(registry.dataset_card("demo").marker_genes)
    assert find_suite(written(tmp_path, with_line("genes", f"train-hvg+markers:{listed}"))).hash == found.hash
    assert find_suite(written(tmp_path, with_line("genes", "train-hvg"))).hash != found.hash
    of_ours = text.replace("dataset: demo", "dataset: path:ours")
    with pytest.raises(UsageError, match="names no marker genes"):
        find_suite(written(tmp_path, of_ours))


def test_what_a_suite_leaves_open_passes(tmp_path: Path):
    suite = find_suite(written(tmp_path))
    given = {
        "methods": ("ridge",),
        "workers": 2,
        "out": Path("x"),
        "device": "cpu",
        "settings": {},
        "epochs": None,
    }
    options = apply(suite, given)
    assert {key: options[key] for key in given} == given
    assert options["patch_um"] == 112.0 and options["seeds"] == (1, 0) and options["reference"] == "ridge"
    assert options["encoder"] == "efficientnet_lite0" and "name" not in options and "patch" not in options


@pytest.mark.parametrize(
    ("option", "same", "other"),
    [
        ("dataset", "demo", "demo-tiny"),
        ("slides", "B1, A1,A2", "A1,A2"),
        ("slides", ("B1", "A2", "A1"), ("A1", "A2", "B1", "B2")),
        ("split", "slide", "patient"),
        ("inner", "none", "pairs"),
        ("tune_on", "pcc-equal-depth", "pcc"),
        ("halving", True, False),
        ("grid", "full", "small"),
        ("genes", "highest", "train-hvg"),
        ("n_genes", 30, 250),
        ("target", "logcpm", "pearson"),
        ("scale", "zscore", "minmax"),
        ("encoder", "efficientnet_lite0", "uni"),
        ("patch_um", 112, 55.0),
        ("min_counts", 50, 0),
        ("seeds", "0,1", "0"),
        ("seeds", (1, 0), (0, 1, 2)),
        ("reference", "ridge", "smooth"),
    ],
)
def test_a_contradicting_option_is_refused_and_one_that_says_the_same_is_not(tmp_path, option, same, other):
    suite = find_suite(written(tmp_path))
    assert apply(suite, {option: same}) == apply(suite, {})
    with pytest.raises(UsageError) as error:
        apply(suite, {option: other})
    name = "--" + option.replace("_", "-")
    typed = other if not isinstance(other, tuple) else ",".join(map(str, other))
    assert f"{name} {typed} contradicts suite {suite.label}, which fixes {name} " in str(error.value)
    assert "\n" not in str(error.value)


def test_a_bound_on_epochs_contradicts_a_suite_without_one(tmp_path: Path):
    with pytest.raises(UsageError, match=r"--epochs 5 contradicts suite ours \w{8}, which fixes no --epochs"):
        apply(find_suite(written(tmp_path)), {"epochs": 5})
    with pytest.raises(UsageError, match="--patch-um 50 contradicts suite demo"):
        apply(find_suite("demo"), {"patch_um": 50})
    bounded = find_suite(written(tmp_path, LIVE + "epochs: 5\n"))
    assert apply(bounded, {"epochs": 5})["epochs"] == apply(bounded, {})["epochs"] == 5


def test_other_weights_than_the_suites_are_refused(tmp_path: Path):
    suite = find_suite(written(tmp_path, with_line("encoder", "efficientnet_lite0@00000000")))
    with pytest.raises(
        UsageError, match=r"@00000000, and the weights of efficientnet_lite0 at hand are ac64389b"
    ):
        apply(suite, {})


def test_a_folder_of_ones_own_is_said_when_it_is_run(tmp_path: Path):
    suite = find_suite(written(tmp_path, with_line("dataset", "path:ours")))
    with pytest.raises(UsageError, match="say where that folder lies, with --dataset path:DIR"):
        apply(suite, {})
    assert apply(suite, {"dataset": "path:/data/ours"})["dataset"] == "path:/data/ours"
    with pytest.raises(UsageError, match="--dataset path:/data/theirs contradicts"):
        apply(suite, {"dataset": "path:/data/theirs"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LIVE + "sped: 1\n", "there is no key 'sped'; perhaps seeds is meant"),
        (LIVE + "zzz: 1\n", "there is no key 'zzz'; there are name, dataset, slides"),
        (LIVE.replace("n_genes: 30\n", ""), "n_genes is missing"),
        (
            with_line("split", "sldie"),
            "split is 'sldie': input should be 'slide', 'patient' or 'slide-matched'",
        ),
        (with_line("n_genes", "many"), "n_genes is 'many': input should be a valid integer"),
        (
            with_line("inner", "1"),
            "inner is '1': it should be pairs, all, none or a number of folds from 2 on",
        ),
        (with_line("encoder", "uni"), "encoder is 'uni': it should be NAME@HASH"),
        (with_line("encoder", "uno@00000000"), "There is no encoder named 'uno'"),
        (with_line("genes", "train_hvg"), "There is no gene panel named 'train_hvg'. Did you mean train-hvg"),
        (with_line("genes", "file:no.txt"), "no.txt cannot be read"),
        (with_line("dataset", "her3"), "There is no dataset named 'her3'"),
        (with_line("patch", "112"), "patch is '112': it should be an edge such as 224 px or 112 um"),
        (with_line("name", "two words"), "name is 'two words': it should be at most 40 letters"),
        (with_line("slides", "[A1]"), "slides is ['A1']:"),
        (with_line("slides", "[A1, A1]"), "slides is ['A1', 'A1']: each should be named once"),
        (with_line("seeds", "[0, x]"), "seeds.1 is 'x': input should be a valid integer"),
        ("name: [", "is no YAML"),
        ("ours\n", "holds no keys"),
        ("", "holds no keys"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_sentence(tmp_path: Path, text: str, said: str):
    with pytest.raises(UsageError) as error:
        find_suite(written(tmp_path, text))
    assert said in str(error.value) and "\n" not in str(error.value) and "ours.yaml" in str(error.value)


def test_a_suite_that_was_written_out_is_read_as_the_same(tmp_path: Path):
    for suite in (find_suite("demo"), find_suite(written(tmp_path))):
        text = yaml.safe_dump(suite.model_dump(mode="json"))
        assert "epochs: null" in text and find_suite(written(tmp_path, text)) == suite


def test_a_suite_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(UsageError, match="Did you mean her2-core"):
        find_suite("her2core")
    with pytest.raises(UsageError, match=r"nowhere\.yaml cannot be read: No such file"):
        find_suite(tmp_path / "nowhere.yaml")
