"""A results folder as somebody may find it: damaged trials, Records of an older format, a full disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from plugins import slides
from plugins.command import Outcome, records, stbench

from stbench.reporting.results.trial_store import TrialStore

OLD_RECORDS = Path(__file__).resolve().parents[2] / "leaderboards" / "her2-5slides-cpu" / "records"
N_TRIALS = 6 * 2


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return slides.write_slides(tmp_path_factory.mktemp("sound"))


def run(data: Path, out: Path, *arguments: object, method: str = "sleepy") -> Outcome:
    where = ("--dataset", "her2", "--data-root", data, "--out", out, "--threads", 1, "--device", "cpu")
    return stbench("run", "--method", method, *where, "--genes", "highest", *arguments)


QUICK = ("--set", "sleepy.seconds=0.0")


def trial_files(out: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted((out / "trials").glob("*/[!.]*.json"))}


@pytest.mark.parametrize("damage", ["cut short", "of another key", "of another shape"])
def test_a_damaged_trial_is_named_and_done_again(
    damage: str, data: Path, tmp_path: Path, quick: None, fixture_methods: Path
):
    assert run(data, tmp_path, *QUICK).status == 0
    one, other, *rest = trial_files(tmp_path).values()
    before = {path: path.stat().st_mtime_ns for path in (other, *rest)}
    sound = json.loads(one.read_text())
    if damage == "cut short":
        one.write_text(one.read_text()[:100])
    elif damage == "of another key":
        shutil.copy(other, one)
        before[other] = other.stat().st_mtime_ns
    else:
        one.write_text(json.dumps({**sound, "trial": {**sound["trial"], "points": "none"}}))
    result = run(data, tmp_path, *QUICK, "--seeds", "0,1")
    assert result.status == 0, result.err
    assert result.err.count("warning: ") == 1
    assert one.stem in result.err.replace("\n", "") and "done again" in " ".join(result.err.split())
    again = json.loads(one.read_text())["trial"]
    assert (again["points"], again["key"]) == (sound["trial"]["points"], one.stem)
    assert {path: path.stat().st_mtime_ns for path in before} == before, "the others were not"
    assert len(records(tmp_path)) == 4 * 2 + 4


def test_records_of_an_older_format_are_kept_and_stand_apart(data: Path, tmp_path: Path, quick: None):
    folder = tmp_path / "records"
    folder.mkdir(parents=True)
    for path in sorted(OLD_RECORDS.glob("*.json"))[:10]:
        shutil.copy(path, folder / path.name)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    result = run(data, tmp_path, "--inner", "none", "--json", method="mean")
    assert result.status == 0, result.err
    (new,) = result.document["tables"]
    assert [row["n_slides"] for row in new["rows"] if row["method"] == "mean"] == [4]
    assert {name: (folder / name).read_bytes() for name in before} == before
    shown = stbench("leaderboard", "--out", tmp_path, "--json")
    assert shown.status == 0, shown.err
    panels = {json.loads(content)["record"]["table"]["panel"] for content in before.values()}
    assert len(shown.document["tables"]) == len(panels) + 1


def test_a_disk_that_is_full_when_a_trial_is_stored_is_one_sentence_and_what_was_stored_stays(
    data: Path, tmp_path: Path, quick: None, fixture_methods: Path, monkeypatch: pytest.MonkeyPatch
):
    write, n_written = TrialStore.save, []

    def full(path: Path, *_: object, **__: object) -> int:
        raise OSError(28, "No space left on device", str(path))

    def save_on_a_full_disk(store: TrialStore, key: str, *more: object) -> None:
        n_written.append(key)
        if len(n_written) > 3:
            with monkeypatch.context() as filled:
                filled.setattr(Path, "write_text", full)
                write(store, key, *more)  # type: ignore[arg-type]
        write(store, key, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(TrialStore, "save", save_on_a_full_disk)
    result = run(data, tmp_path, *QUICK)
    assert result.status == 2
    assert "No space left on device" in result.err.strip().splitlines()[-1]
    assert "Traceback" not in result.err
    assert len(trial_files(tmp_path)) == 3
