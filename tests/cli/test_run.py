"""`stbench run` as a user meets it: failing methods, plans, seeds, workers, results made again or not."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from plugins import slides
from plugins.command import Outcome, QuickContext, leftovers, records, stbench, without_costs

from stbench.commands import several_encoders
from stbench.commands.prepared_run import PreparedRun
from stbench.evaluation import workers
from stbench.reporting.results.trial_store import TrialStore

SLEEPY = Path(__file__).parents[1] / "plugins" / "methods" / "sleepy"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four slides of four patients."""
    return slides.write_slides(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def quick_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are processes of their own still, ones that need not load torch for five seconds first."""
    quick = SimpleNamespace(
        get_context=lambda name: QuickContext(), parent_process=multiprocessing.parent_process
    )
    monkeypatch.setattr(workers, "multiprocessing", quick)


def run(data: Path, out: Path, method: str, *arguments: object) -> Outcome:
    where = ("--dataset", "her2", "--data-root", data, "--out", out)
    return stbench("run", "--method", method, *where, "--threads", 1, "--device", "cpu", *arguments)


def by_fold(out: Path, method: str) -> dict[str, dict]:
    return {r["fold"]: r for r in records(out).values() if r["row"]["method"] == method}


def trials(out: Path) -> tuple[set[str], set[str]]:
    """Keys of inner trials that lie there finished, and failed."""
    return TrialStore(out).names()


def stamps(out: Path) -> dict[str, int]:
    return {path.stem: path.stat().st_mtime_ns for path in (out / "records").glob("[!.]*.json")}


# --- methods that fail ---------------------------------------------------------------------------------------

FAULTS = {
    "raise": "RuntimeError: the [/red] graph [bold] has no edges",
    "nan": "NaN",
    "shape": "shape",
    "diverge": "training loss was",
    "exit": "sys.exit(3)",
    "cut off": "EOFError: Ran out of input",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_method_that_fails_is_a_row_with_its_reason(
    fault: str, data: Path, tmp_path: Path, quick: None, fixture_methods: Path
):
    options = ("--inner", "none", "--set", f"faulty.fault={fault}", "--set", "sleepy.seconds=0.0")
    result = run(data, tmp_path, "faulty,sleepy", *options)
    assert result.status == 1, result.err
    found = by_fold(tmp_path, "faulty")
    assert FAULTS[fault] in found["A1"]["failure"]
    assert all(found[fold]["failure"] is None for fold in ("B1", "C1", "D1"))
    assert all(record["failure"] is None for record in by_fold(tmp_path, "sleepy").values())
    assert len(records(tmp_path)) == 4 * 3
    assert f"failed: faulty, fold A1, seed 0: {found['A1']['failure']}" in result.err
    assert FAULTS[fault].split()[0] in result.out, "the table says why"
    assert "Traceback" not in result.err


@pytest.mark.parametrize("fault", ["nan", "raise"])
def test_what_fails_in_the_inner_loop_fails_no_refit_that_does_not(
    fault: str, data: Path, tmp_path: Path, quick: None, fixture_methods: Path
):
    result = run(data, tmp_path, "faulty", "--set", f"fault={fault}", "--json")
    assert result.status == 1
    # A1 is in three of the six pairs, one of which every fold needs for both settings.
    finished, failed = trials(tmp_path)
    assert (len(finished), len(failed)) == (3 * 2, 3 * 2)
    assert result.err.count("inner trial of faulty failed: ") == 3 * 2
    found = by_fold(tmp_path, "faulty")
    assert FAULTS[fault] in found["A1"]["failure"]
    assert [found[fold]["failure"] for fold in ("B1", "C1", "D1")] == [None] * 3
    assert "published settings: in the inner loop no setting was left" in found["B1"]["notes"]
    (table,) = result.document["tables"]
    row = next(row for row in table["rows"] if row["method"] == "faulty")
    assert row["n_failed"] == 1
    assert all(record["failure"] is None for record in by_fold(tmp_path, "mean").values())


@pytest.mark.parametrize(
    ("fault", "words"),
    [("killed", "signal 9"), ("die", "exit code 4"), ("cut off", "EOFError: Ran out of input")],
)
@pytest.mark.parametrize("seal", [(), ("--in-process",)], ids=["sealed", "in the worker itself"])
def test_a_worker_whose_method_dies_or_meets_a_files_end_loses_only_that_job(
    fault: str,
    words: str,
    seal: tuple,
    data: Path,
    tmp_path: Path,
    quick: None,
    quick_workers: None,
    fixture_methods: Path,
):
    options = ("--inner", "none", "--genes", "highest", "--workers", 2, "--set", f"fault={fault}", *seal)
    result = run(data, tmp_path, "faulty", *options)
    assert result.status == 1, result.err
    failures = {fold: record["failure"] for fold, record in by_fold(tmp_path, "faulty").items()}
    assert words in failures.pop("A1")
    assert failures == {"B1": None, "C1": None, "D1": None}
    assert len(records(tmp_path)) == 8


def test_what_a_plugin_prints_stays_off_the_json_document(
    data: Path, tmp_path: Path, quick: None, fixture_methods: Path, capfd: pytest.CaptureFixture
):
    result = run(data, tmp_path, "faulty", "--inner", "none", "--set", "fault=print", "--json")
    assert result.status == 0
    assert result.document["tables"]
    assert "words of a plugin" in result.err
    assert capfd.readouterr().out == "", "nor does a process that it starts reach standard output"


# --- what is done again, and what is not ---------------------------------------------------------------------


def test_failed_jobs_are_tried_again_and_finished_ones_are_not(
    data: Path, tmp_path: Path, quick: None, plug_in: Callable[[Path], None]
):
    folder, out = tmp_path / "methods", tmp_path / "out"
    shutil.copytree(SLEEPY, folder / "sleepy")
    switch = tmp_path / "broken"
    source = folder / "sleepy" / "method.py"
    text = source.read_text().replace(
        "        time.sleep",
        f"        if Path({str(switch)!r}).exists():\n            raise OSError('no')\n        time.sleep",
    )
    source.write_text(text)
    plug_in(folder)
    switch.touch()
    options = ("--inner", "none", "--set", "sleepy.seconds=0.0")
    assert run(data, out, "sleepy", *options).status == 1
    first = stamps(out)
    assert all(record["failure"] for record in by_fold(out, "sleepy").values())
    switch.unlink()
    result = run(data, out, "sleepy", *options)
    assert result.status == 0
    second = stamps(out)
    assert first.keys() == second.keys()
    changed = {key for key in first if first[key] != second[key]}
    assert changed == {key for key, record in records(out).items() if record["row"]["method"] == "sleepy"}
    assert run(data, out, "sleepy", *options).out == result.out, "the same command prints the same table"
    assert stamps(out) == second
    assert run(data, out, "sleepy", *options, "--overwrite").status == 0
    third = stamps(out)
    assert all(third[key] != second[key] for key in second)


def test_an_edited_plugin_runs_again_and_its_old_result_is_not_used(
    data: Path, tmp_path: Path, quick: None, plug_in: Callable[[Path], None]
):
    folder, out = tmp_path / "methods", tmp_path / "out"
    shutil.copytree(SLEEPY, folder / "sleepy")
    plug_in(folder)
    options = ("--inner", "none", "--set", "sleepy.seconds=0.0", "--json")
    before = run(data, out, "sleepy", *options)
    old = stamps(out)
    source = folder / "sleepy" / "method.py"
    source.write_text(source.read_text() + "\n# edited\n")
    after = run(data, out, "sleepy", *options)
    assert after.status == 0
    new = stamps(out)
    assert {key: new[key] for key in old} == old
    assert len(new) == len(old) + 4, "the floor's source is as it was"
    (row,) = [r for r in after.document["tables"][0]["rows"] if r["method"] == "sleepy"]
    assert row["n_slides"] == 4
    (first,), (second,) = without_costs(before.document), without_costs(after.document)
    for found in (*first["rows"], *second["rows"]):
        if found["method"] == "sleepy":
            assert found.pop("source")
    assert first == second


@pytest.mark.parametrize("workers", [1, 2])
def test_a_plugin_that_is_edited_after_it_was_planned_is_refused_and_results_are_kept(
    workers: int,
    data: Path,
    tmp_path: Path,
    quick: None,
    quick_workers: None,
    plug_in: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
):
    folder, out = tmp_path / "methods", tmp_path / "out"
    shutil.copytree(SLEEPY, folder / "sleepy")
    plug_in(folder)
    assert run(data, out, "mean", "--inner", "none").status == 0
    before = stamps(out)

    def edited(prepared: PreparedRun, *_: object) -> PreparedRun:
        source = folder / "sleepy" / "method.py"
        source.write_text(source.read_text() + "\n# edited\n")
        return prepared

    monkeypatch.setattr(several_encoders, "with_weights", edited)
    options = ("--inner", "none", "--set", "sleepy.seconds=0.0", "--workers", workers)
    result = run(data, out, "sleepy", *options)
    assert result.status == 2
    words = result.err.strip().splitlines()[-1]
    assert "The source of sleepy changed after this run was planned" in words
    assert "Traceback" not in result.err
    assert stamps(out) == before
    assert [path for path in (out / "claims").rglob("*") if path.is_file()] == []


def test_a_key_holds_the_protocols_version(
    data: Path, tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
):
    from stbench import record
    from stbench.evaluation import plan

    options = ("--inner", "none")
    assert run(data, tmp_path, "mean", *options).status == 0
    monkeypatch.setattr(record, "PROTOCOL_VERSION", 3)
    monkeypatch.setattr(plan, "PROTOCOL_VERSION", 3, raising=False)
    assert run(data, tmp_path, "mean", *options).status == 0
    assert sorted(r["table"]["protocol"] for r in records(tmp_path).values()) == [2] * 4 + [3] * 4


@pytest.mark.parametrize("damage", ["record", "predictions", "truncated record"])
def test_a_damaged_result_is_made_again(damage: str, data: Path, tmp_path: Path, quick: None):
    assert run(data, tmp_path, "mean", "--inner", "none").status == 0
    before = stamps(tmp_path)
    key = next(iter(before))
    if damage == "predictions":
        (tmp_path / "predictions" / f"{key}.npz").unlink()
    elif damage == "record":
        (tmp_path / "records" / f"{key}.json").write_text("{}")
    else:
        file = tmp_path / "records" / f"{key}.json"
        file.write_text(file.read_text()[:100])
    result = run(data, tmp_path, "mean", "--inner", "none")
    assert result.status == 0, result.err
    after = stamps(tmp_path)
    assert {k for k in after if after[k] != before[k]} == {key}
    assert (tmp_path / "predictions" / f"{key}.npz").exists()


# --- plans, seeds, slides, workers ---------------------------------------------------------------------------


def test_a_dry_run_prints_folds_and_trials_and_writes_nothing(
    data: Path, tmp_path: Path, quick: None, fixture_methods: Path
):
    out, folds, pairs = tmp_path / "out", 4, 6
    result = run(data, out, "ridge,sleepy", "--dry-run", "--json")
    assert result.status == 0, result.err
    plan = result.document
    assert [fold["name"] for fold in plan["folds"]] == ["A1", "B1", "C1", "D1"]
    assert all(sorted([*fold["train"], *fold["test"]]) == plan["slides"] for fold in plan["folds"])
    rows = {row["row"]: (row["inner_trials"], row["refits"]) for row in plan["methods"]}
    # One fit judges all of ridge's penalties, which matter at prediction only.
    assert rows["ridge"] == (pairs, folds)
    assert rows["ridge untuned"] == (0, folds)
    assert rows["sleepy"] == (pairs * 2, folds)
    assert plan["trials"] == sum(map(sum, rows.values())) == plan["trials_to_do"]
    assert plan["estimated_seconds"] is None and plan["not_estimated"] == ["sleepy"]
    words = run(data, out, "ridge,sleepy", "--dry-run")
    assert words.status == 0
    assert f"{plan['trials']} trials to do of {plan['trials']}" in words.err
    assert "Beside what was asked for stand the floors mean." in words.err  # the one that `quick` leaves
    assert not out.exists()


def test_where_all_is_done_a_dry_run_says_so_and_no_time(data: Path, tmp_path: Path, quick: None):
    assert run(data, tmp_path, "mean", "--inner", "none").status == 0
    again = run(data, tmp_path, "mean", "--inner", "none", "--dry-run")
    assert again.status == 0 and "Nothing is left to do." in again.out
    assert "About" not in again.out + again.err and "worker" not in again.out + again.err


@pytest.mark.parametrize(("inner", "n_trials"), [("all", 4 * 3), ("3", 4 * 3), ("none", 0)])
def test_other_inner_loops(
    inner: str, n_trials: int, data: Path, tmp_path: Path, quick: None, fixture_methods: Path
):
    options = ("--inner", inner, "--dry-run", "--json")
    plan = run(data, tmp_path / "out", "sleepy", *options).document
    (row,) = [row for row in plan["methods"] if row["row"] == "sleepy"]
    assert (row["inner_trials"], row["refits"]) == (n_trials * 2, 4)


def test_more_inner_folds_than_training_slides_are_called_what_they_come_to(
    data: Path, tmp_path: Path, quick: None
):
    """Four slides, three to train on: a table of "inner 9" would name what was never done."""
    said = {
        inner: " ".join(run(data, tmp_path, "mean", "--inner", inner, "--dry-run").err.split())
        for inner in ("3", "9", "all")
    }
    assert "by slide, inner 3:" in said["3"] and "Note" not in said["3"]
    assert "by slide, inner all:" in said["9"] and "Note: 9 inner folds were asked for" in said["9"]
    assert said["9"].partition(" Note: ")[0] == said["all"][: said["9"].index(" Note: ")]


def test_two_patients_with_two_slides_each(tmp_path: Path, quick: None, fixture_methods: Path):
    data = slides.write_slides(tmp_path / "data", ("A1", "A2", "B1", "B2"))
    options = ("--split", "patient", "--dry-run", "--json")
    plan = run(data, tmp_path / "out", "sleepy", *options).document
    assert [fold["test"] for fold in plan["folds"]] == [["A1", "A2"], ["B1", "B2"]]


def test_a_finished_plan_has_nothing_to_do_and_knows_how_long_it_took(
    data: Path, tmp_path: Path, quick: None, fixture_methods: Path
):
    options = ("--inner", "none", "--set", "sleepy.seconds=0.1")
    assert run(data, tmp_path, "sleepy", *options).status == 0
    before = stamps(tmp_path)
    plan = run(data, tmp_path, "sleepy", *options, "--dry-run", "--json").document
    assert (plan["trials"], plan["trials_to_do"]) == (8, 0)
    plan = run(data, tmp_path, "sleepy", *options, "--seeds", "0,1", "--dry-run", "--json").document
    assert plan["trials_to_do"] == 4
    assert 4 * 0.1 < plan["estimated_seconds"] < 30, (
        "four fits of a tenth of a second, and what is around them and the run"
    )
    assert {row["estimated_by"] for row in plan["methods"] if row["row"] == "sleepy"} == {"stored trials"}
    assert stamps(tmp_path) == before


def test_a_second_seed_reuses_the_first_ones_inner_loop(
    data: Path, tmp_path: Path, quick: None, fixture_methods: Path, monkeypatch: pytest.MonkeyPatch
):
    diary = tmp_path / "diary"
    monkeypatch.setenv("STBENCH_TEST_DIARY", str(diary))
    # A sealed process could not keep this diary.
    options = ("--set", "sleepy.seconds=0.0", "--in-process")
    assert run(data, tmp_path / "out", "sleepy", *options).status == 0
    first = len(diary.read_text().splitlines())
    result = run(data, tmp_path / "out", "sleepy", *options, "--seeds", "0,1", "--json")
    assert result.status == 0, result.err
    new = diary.read_text().splitlines()[first:]
    assert len(new) == 4
    assert all(line.startswith("refit") and line.endswith("seed 1") for line in new)
    (row,) = [r for r in result.document["tables"][0]["rows"] if r["method"] == "sleepy"]
    assert row["seeds"] == [0, 1]


def test_a_seed_asked_for_alone_is_tuned_as_any_other(
    data: Path, tmp_path: Path, quick: None, fixture_methods: Path
):
    """Two commands, one tuning: the inner loop draws by seed 0, whatever seed was asked for first."""
    options, out = ("--set", "sleepy.seconds=0.0"), tmp_path / "out"
    assert run(data, out, "sleepy", *options, "--seeds", "1").status == 0
    tuned, failed = trials(out)
    assert tuned and not failed
    assert run(data, out, "sleepy", *options, "--seeds", "0").status == 0
    assert trials(out) == (tuned, failed)
    found = [record for record in records(out).values() if record["row"]["method"] == "sleepy"]
    assert {record["seed"] for record in found} == {0, 1}
    by = {(record["fold"], record["seed"]): record["tuning"] for record in found}
    assert all(tuning and tuning == by[fold, 1 - seed] for (fold, seed), tuning in by.items())
    # The same draws in both loops, seed 0's: a loop of its own would come to the same.
    assert run(data, tmp_path / "other", "sleepy", *options, "--seeds", "0").status == 0
    alone = [r for r in records(tmp_path / "other").values() if r["row"]["method"] == "sleepy"]
    assert {r["fold"]: r["tuning"] for r in alone} == {f: t for (f, seed), t in by.items() if seed == 1}


def test_only_some_slides(data: Path, tmp_path: Path, quick: None):
    result = run(data, tmp_path, "mean", "--slides", "A1,C1,D1", "--inner", "none", "--json")
    (table,) = result.document["tables"]
    assert [slide["slide"] for slide in table["rows"][0]["slides"]] == ["A1", "C1", "D1"]
    assert set(by_fold(tmp_path, "mean")) == {"A1", "C1", "D1"}


def test_two_workers_score_as_one(
    data: Path, tmp_path: Path, quick: None, quick_workers: None, fixture_methods: Path
):
    """Those that load everything anew are tests/survival's, which kills them."""
    design = ("--slides", "A1,B1,C1", "--inner", "2", "--genes", "highest")
    options = (*design, "--set", "sleepy.seconds=0.0", "--json")
    alone = run(data, tmp_path / "alone", "sleepy", *options)
    together = run(data, tmp_path / "together", "sleepy", *options, "--workers", 2)
    assert alone.status == together.status == 0, together.err
    assert without_costs(alone.document) == without_costs(together.document)
    assert records(tmp_path / "alone").keys() == records(tmp_path / "together").keys()
    assert leftovers(tmp_path) == []


def test_an_unusable_slide_is_one_sentence_with_workers_too(
    data: Path, tmp_path: Path, quick: None, quick_workers: None
):
    own = tmp_path / "data"
    shutil.copytree(data, own)
    slides.write_counts(own, "B1", "")
    result = run(own, tmp_path / "out", "mean", "--workers", 2)
    assert result.status == 2
    assert "B1" in result.err.strip().splitlines()[-1]


# --- from Python ---------------------------------------------------------------------------------------------


def test_from_python(data: Path, tmp_path: Path, quick: None):
    import stbench as package

    made = package.run(["mean"], "her2", data_root=data, out=tmp_path, inner="none", threads=1)
    assert [record.fold for record in made if record.finished] == [record.fold for record in made]
    frame = package.leaderboard(made)
    assert "mean" in set(frame["method"])
    for wrong in ({"workers": 0}, {"threads": 0}, {"seeds": ()}, {"slides": "A1"}):
        with pytest.raises(package.StbenchError):
            package.run("mean", "her2", data_root=data, out=tmp_path, inner="none", **wrong)


def test_before_a_long_run_stands_what_a_cheaper_one_would_cost(
    data: Path, tmp_path: Path, quick: None, fixture_methods: Path, monkeypatch: pytest.MonkeyPatch
):
    """Twelve inner trials and four refits of sleepy, four of mean; literally, three inner folds for each of four."""
    monkeypatch.setattr("stbench.cli.run.LONG_RUN", 10)
    pairs = run(data, tmp_path, "sleepy", "--dry-run")
    assert (
        "All of it on one worker: about 20 trials; with --inner none (published settings) 8 trials."
        in pairs.err
    )
    literal = run(data, tmp_path, "sleepy", "--dry-run", "--inner", "all")
    assert "about 32 trials; with --inner pairs 20 trials; with --inner none" in literal.err
    assert "All of it" not in run(data, tmp_path, "mean", "--dry-run").err
