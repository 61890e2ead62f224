"""Every script of this folder runs, as small as it can, and prints what its docstring promises."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from plugins import slides

FOLDER = Path(__file__).resolve().parent
NUMBER = r"([\d,]+(?:\.\d+)?)"


def check_step(printed: str) -> None:
    """The ratio is that of the step to the floor, and the floor that of the operations to their rate."""
    rows = re.findall(rf"^(\w[\w ]*?) +{NUMBER}(?: ([\w/]+))?$", printed, re.MULTILINE)
    assert [(name, unit) for name, _, unit in rows] == [
        ("counted operations", "GFLOP"),
        ("matrix product", "GFLOP/s"),
        ("arithmetic floor", "ms"),
        ("median step", "ms"),
        ("ratio", ""),
    ]
    count, rate, floor, step, ratio = (float(number) for _, number, _ in rows)
    assert 5 < count < 50 and rate > 0  # the encoder's and the heads' matrices on 540 nodes, both views
    assert floor == pytest.approx(1e3 * count / rate, rel=0.02)
    assert ratio == pytest.approx(step / floor, rel=0.02)


def check_retrieval(printed: str) -> None:
    """Seconds of the bare product, then those of each metric and what it took beside it."""
    bare, *metrics = printed.splitlines()
    assert re.fullmatch(rf"bare product +{NUMBER} s", bare)
    row = rf"(\w+) +{NUMBER} s +{NUMBER} x bare +{NUMBER} GiB extra"
    found = [re.fullmatch(row, line) for line in metrics]
    assert [match and match[1] for match in found] == ["cosine", "l2", "l1"]


def check_kinds(printed: str) -> None:
    """The machine's rate; then the spots, the seconds and the shares of an epoch, which are all of it."""
    rate, epoch = printed.splitlines()
    assert re.fullmatch(rf"matrix products: {NUMBER} GFLOP/s", rate)
    assert re.match(rf"spahgc: 40 spots in {NUMBER} s: ", epoch)
    shares = dict(re.findall(r"([a-z][a-z, ]+?) (\d+) %", epoch))
    assert {"matrix products", "normalisation", "optimiser", "copies"} <= set(shares)
    assert sum(map(int, shares.values())) == pytest.approx(100, abs=len(shares))
    assert int(shares["matrix products"]) > 0 and int(shares["optimiser"]) > 0


def check_large_slide(printed: str) -> None:
    """Seconds and memory; the slide is a part of the process."""
    row = rf"spahgc: 60 spots predicted in {NUMBER} s, peak {NUMBER} GiB, of which the slide {NUMBER} GiB\n"
    found = re.fullmatch(row, printed)
    assert found and float(found[2]) > float(found[3])


def check_distance(printed: str) -> None:
    """A line for each number of epochs, with the steps taken: one a slide and epoch."""
    row = (
        rf"histogene: after (\d+) steps \((\d+) epochs of 2 slides\) the means of (\d+) genes "
        rf"are off by {NUMBER}; they average {NUMBER}"
    )
    found = re.findall(row, printed)
    assert len(found) == len(printed.splitlines())
    assert [(int(steps), int(epochs)) for steps, epochs, *_ in found] == [(0, 0), (2, 1)]
    assert all(float(distance) > 0 and float(mean) > 0 for *_, distance, mean in found)


def check_trial(printed: str) -> None:
    """Seconds of a trial sealed and not, and what is between them."""
    found = re.fullmatch(rf"mean: {NUMBER} s sealed, {NUMBER} s in this process, {NUMBER} s more\n", printed)
    assert found
    sealed, here, more = map(float, found.groups())
    assert 0 < here < sealed and more == pytest.approx(sealed - here, abs=0.002)


def check_scheduling(printed: str) -> None:
    """Sixteen workers on one folder share the work, do nothing twice, and are kept busy, also on a loaded machine."""
    found = dict(part.rsplit(" ", 1) for part in printed.strip().split(", "))
    assert int(found["trials"]) >= 16 * 8 and int(found["done twice"]) == 0
    assert float(found["share"]) > 0.5


def check_stored(printed: str) -> None:
    """Names and counts of 20,000 stored trials within 2 s, ten times what they take; counts of all that was planned."""
    stored, names, counts, curves, *methods = printed.splitlines()
    assert re.fullmatch(rf"20000 trials stored: {NUMBER} s", stored)
    for line, what in (
        (names, "their names"),
        (counts, "counts by method"),
        (curves, "curves of 2000 trials"),
    ):
        found = re.fullmatch(rf"{what}: {NUMBER} s", line)
        assert found and float(found[1]) < 2
    numbers = [list(map(int, re.findall(r"(\d+) \w+", line))) for line in methods]
    assert [sum(column) for column in zip(*numbers, strict=True)] == [19_800, 200, 10_000]


def check_finished(printed: str) -> None:
    """A finished run of 2,000 trials: a word within 2 s of computing, its end within 5 s, no heavy library.

    What it computed counts, since a test's machine does other work beside.
    """
    stored, first, whole, loaded = printed.splitlines()
    trials = re.fullmatch(rf"{NUMBER} trials stored, {NUMBER} of them Records", stored)
    assert trials and all(
        int(number) >= least for number, least in zip(trials.groups(), (2000, 1000), strict=True)
    )
    for line, what, most in ((first, "first word after", 2), (whole, "whole command:", 5)):
        found = re.fullmatch(rf"{what} {NUMBER} s, of which it computed {NUMBER} s", line)
        assert found and float(found[2]) < most
    assert loaded == "loaded: neither torch nor mlflow"


def check_pairs(printed: str) -> None:
    """A line for each method: both loops' means, their difference within the bounds, and fewer fits by pairs."""
    row = rf"(\w+) +{NUMBER} +{NUMBER} +([+-][\d.]+) \+- .* (\d+) / +(\d+)  within"
    found = [re.fullmatch(row, line) for line in printed.splitlines()[1:]]
    assert [match and (match[1], match[5], match[6]) for match in found] == [
        ("ridge", "64", "36"),
        ("descent", "120", "64"),
    ]
    for match in filter(None, found):
        assert float(match[3]) - float(match[2]) == pytest.approx(float(match[4]), abs=2e-4)


def check_four_patients(printed: str) -> None:
    """Beside the table, which checkpoint is chosen by either loop, and which one is best in hindsight."""
    rows = re.findall(rf"^  (chosen by \w+|best in hindsight) +{NUMBER} +{NUMBER}", printed, re.MULTILINE)
    assert [name for name, *_ in rows] == ["chosen by literal", "chosen by pairs", "best in hindsight"]
    assert all(0 <= float(place) < 16 and 1 <= float(epoch) <= 60 for _, place, epoch in rows)


def check_linear_fit(printed: str) -> None:
    """Seconds of both fits, and predictions that are the same but for their last digits."""
    row = rf"(\w+): {NUMBER} s, with Gram matrices {NUMBER} s, predictions differ by (\S+)"
    found = [re.fullmatch(row, line) for line in printed.splitlines()]
    assert [match and match[1] for match in found] == ["ComponentRidge", "DepthRidge"]
    assert all(float(match[4]) < 1e-6 for match in found if match)


def check_real_pairs(printed: str) -> None:
    """Fits, seconds and score of both loops, and what each fold chose; both refit each of four slides."""
    found = re.findall(rf"^(pairs|all): (\d+) fits, \d+ s, mean outer PCC -?{NUMBER}$", printed, re.MULTILINE)
    assert [name for name, *_ in found] == ["pairs", "all"]
    assert [int(fits) for _, fits, _ in found] == [6 + 4, 4 * 3 + 4]
    assert len(re.findall(r"^  \w+: the defaults, [12] epochs$", printed, re.MULTILINE)) == 8


def check_hd(printed: str) -> None:
    """Bins, seconds, and memory far below the goal; of an encoder's embeddings no patch is stored."""
    row = (
        rf"400 patches of 32 px (embedded|cut) in {NUMBER} s, {NUMBER} GiB beyond what was held before, "
        rf"{NUMBER} GiB stored\n"
    )
    found = re.fullmatch(row, printed)
    assert found and float(found[2]) > 0 and float(found[3]) < 0.5 and float(found[4]) < 0.01


def check_predicted(printed: str) -> None:
    """Size, genes, minutes, processor minutes and memory."""
    row = (
        rf"\d+ x \d+ px, 785 genes: {NUMBER} min, {NUMBER} min of processor time, "
        rf"{NUMBER} GiB at most in all processes"
    )
    found = re.fullmatch(row, printed.splitlines()[-1])
    assert found and 0 < float(found[3]) < 4


def check_fifth(printed: str) -> None:
    """What was promised of synthetic tissue, and what came out: both are correlations well above nothing."""
    row = (
        rf"ridge: promised {NUMBER} \(-?{NUMBER} to {NUMBER}\), image alone {NUMBER} \(\d+ spots laid\), "
        rf"spots given {NUMBER} \(\d+ spots\), 10 genes"
    )
    found = re.fullmatch(row, printed.splitlines()[-1])
    assert found, printed
    promised, least, most, alone, given = map(float, found.groups())
    assert least <= promised <= most and 0.05 < alone < given + 0.2 and abs(given - promised) < 0.3


def check_first_minutes(printed: str) -> None:
    """It is installed, then something is said before anything is scored, a fold before all; the page follows."""
    install, waited, announced, page = printed.splitlines()
    assert re.fullmatch(rf"install {NUMBER} s, {NUMBER} GB", install)
    found = re.fullmatch(rf"first line {NUMBER} s, first result {NUMBER} s, end {NUMBER} s", waited)
    assert found
    first_line, first_result, end = map(float, found.groups())
    assert 0 < first_line < first_result < end + 0.5
    assert announced.startswith("About ")
    assert re.fullmatch(
        rf"page {NUMBER} s, {NUMBER} MB, (opens in {NUMBER} s|not opened without chromium)", page
    )


class Run(NamedTuple):
    """A script, what it is given, and what is checked of what it prints."""

    script: str
    arguments: str
    check: Callable[[str], None]
    slow: bool = False
    most_s: int = 300

    @property
    def marks(self) -> list[pytest.MarkDecorator]:
        """What it needs: time, and the package registries where it installs."""
        found = [pytest.mark.slow if self.slow else pytest.mark.acceptance]
        return [*found, pytest.mark.network] if "--install" in self.arguments else found


RUNS = [
    Run("distance_from_mean.py", "histogene --slides A1,B1 --spots 10 --epochs 0,1", check_distance),
    Run(
        "fifth_slide.py",
        "ridge --folder {folder} --inner none --split slide --n-genes 10",
        check_fifth,
        slow=True,
    ),
    Run("finished_run.py", "--seeds 0,1", check_finished),
    Run("hd_patches.py", "--bins 400 --side 1000 --edge 32", check_hd),
    Run("hd_patches.py", "--bins 400 --side 1000 --edge 32 --encoder none", check_hd),
    Run("large_slide.py", "spahgc --spots 60 --threads 1", check_large_slide),
    Run("linear_fit.py", "--slides 3 --spots 40 --width 32 --genes 5", check_linear_fit),
    Run(
        "first_minutes.py",
        "--install default --method mean --dataset demo-tiny --page",
        check_first_minutes,
        slow=True,
        most_s=1200,
    ),
    Run("pairs.py", "--methods ridge,descent --data-sets 1 --edge 5", check_pairs),
    Run(
        "pairs.py", "--methods descent --data-sets 1 --edge 5 --four-patients", check_four_patients, slow=True
    ),
    Run(
        "pairs_on_real_slides.py",
        "--dataset demo-tiny --epochs 2 --settings 1 --workers 1",
        check_real_pairs,
        slow=True,
    ),
    Run("predict_large.py", "{folder} --size 1600 1500 --spots 16", check_predicted, slow=True),
    Run("predict_large.py", "{folder} --size 9000 7000 --areas 2", check_predicted, slow=True),
    Run("retrieval.py", "--rows 500 --queries 20 --width 64 --metrics cosine l2 l1", check_retrieval),
    Run("scheduling.py", "--workers 16 --each 8 --seconds 0.5", check_scheduling),
    Run("spahgc_step.py", "--steps 2 --edge 512", check_step),
    Run("spahgc_step.py", "--preset paper --steps 2 --edge 512", check_step),
    Run("stored_trials.py", "--trials 20000 --run 2000 --unsynced", check_stored),
    Run("trial_cost.py", "--method mean --repeats 2", check_trial),
    Run("where_time_goes.py", "spahgc --spots 40", check_kinds),
]


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(
            run,
            marks=run.marks,
            id=f"{run.script} {run.arguments}",
        )
        for run in RUNS
    ],
)
def test_a_benchmark_prints_what_it_promises(run: Run, shared_cache: Path, tmp_path: Path):
    ended = subprocess.run(
        [sys.executable, FOLDER / run.script, *run.arguments.format(folder=tmp_path).split()],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=run.most_s,
    )
    assert ended.returncode == 0, ended.stderr
    run.check(ended.stdout)


def test_every_benchmark_is_run():
    scripts = {path.name for path in FOLDER.glob("*.py") if "\nif __name__ ==" in path.read_text("utf-8")}
    assert scripts == {
        *(run.script for run in RUNS),
        "demo_learning.py",  # by test_demo_learning.py
        "her2_plan.py",
        "on_slurm.py",  # by tests/cluster
    }


def test_a_plan_of_slides_without_images_counts_their_trials(tmp_path: Path, cache: Path):
    """Four patients of one slide each: six pairs, four settings, four refits; literally, three inner folds each."""
    root = slides.write_slides(tmp_path)
    slides.image_file(root, "C1").unlink()
    arguments = ["--data-root", str(root), "--method", "spahgc", "--json"]
    ended = subprocess.run(
        [sys.executable, FOLDER / "her2_plan.py", *arguments], capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)["spahgc"]
    trials = {loop: numbers["trials"] for loop, numbers in found.items()}
    assert trials == {"pairs": 6 * 4 + 4, "pairs, halving": 3 * 6 * 4 + 4, "all": 4 * 3 * 4 + 4, "none": 4}
    assert found["none"]["hours"] < found["pairs, halving"]["hours"] < found["pairs"]["hours"]


@pytest.mark.slow
def test_pairs_do_as_the_literal_loop_does_for_a_network():
    """Five data sets, a small EGGN, 8 epochs; its exit status says whether a bound is broken."""
    ended = subprocess.run(
        [sys.executable, FOLDER / "pairs.py", "--methods", "eggn", "--data-sets", "5"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
