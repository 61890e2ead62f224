"""Records on disk: what comes back, what a kill or a full disk leaves, and what a damaged file does."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from reporting.record_factory import GENES, SLIDES, complete, failed, make_record, make_truth, with_arrays

from stbench.errors import StbenchError, StorageError
from stbench.files import replacing
from stbench.record import Record
from stbench.reporting.results.store import RunStore

GOOD = {"B1": 0.1, "B2": 0.3, "C1": 0.6, "D1": 0.3, "D2": 0.5}


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs" / "first")


@pytest.fixture
def record() -> Record:
    return with_arrays(
        make_record("spahgc", "B1", overrides=(("layers", (2, 3)),), leaky=True, notes=("a note",))
    )


def test_a_record_comes_back_whole(store, record):
    store.save(record)
    (read,), problems = store.records()
    assert problems == []
    assert json.loads(json.dumps(read.to_plain())) == json.loads(json.dumps(record.to_plain()))
    assert (read.table, read.slides[0].scores, read.notes) == (
        record.table,
        record.slides[0].scores,
        ("a note",),
    )
    predictions = store.load_predictions(record.key)
    assert list(predictions) == ["B1"] and predictions["B1"].dtype == np.float32
    np.testing.assert_array_equal(predictions["B1"], record.predictions["B1"])


def test_the_truth_comes_back_in_every_part(store, record):
    store.save(record)
    read, written = store.load_truths(record)["B1"], record.truths["B1"]
    assert (read.slide, read.patient, read.genes, read.spot_ids) == ("B1", "B", GENES, written.spot_ids)
    for name in ("pixel_xy", "array_row_column", "counts", "totals", "scored"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
        assert getattr(read, name).dtype == getattr(written, name).dtype
    assert read.annotation is not None and list(read.annotation) == list(written.annotation)


def test_what_is_not_stated_stays_so(store, record):
    truth = replace(record.truths["B1"], patient=None, annotation=None)
    store.save(replace(record, truths={"B1": truth}))
    read = store.load_truths(record)["B1"]
    assert read.patient is None and read.annotation is None


def test_a_truth_is_stored_once_for_each_slide_and_panel(store):
    for method in ("ridge", "spahgc"):
        for slide in ("B1", "B2"):
            store.save(with_arrays(make_record(method, slide)))
    assert len(list((store.out / "truths").iterdir())) == 2
    other_panel = replace(make_truth("B1"), genes=("FASN", "GNAS", "MYC"))
    store.save(replace(with_arrays(make_record("knn", "B1")), truths={"B1": other_panel}))
    assert len(list((store.out / "truths").iterdir())) == 3


def test_only_whole_records_that_did_not_fail_count_as_finished(store, record):
    assert not store.has_finished(record.key) and store.finished_keys() == set()
    store.save(failed(record, "out of memory"))
    assert not store.has_finished(record.key)
    assert store.records()[0][0].failure == "out of memory"
    store.save(record)
    assert store.has_finished(record.key) and store.finished_keys() == {record.key}
    assert len(store.records()[0]) == 1


def test_a_failure_leaves_no_arrays_of_an_earlier_result(store, record):
    store.save(record)
    store.save(failed(record, "out of memory"))
    assert store.load_predictions(record.key) == {} and store.load_truths(record) == {}
    assert list((store.out / "predictions").iterdir()) == []


def test_an_empty_or_missing_folder_has_no_records(store):
    assert store.records() == ([], [])
    assert not store.out.exists()


def test_a_kill_before_the_record_is_written_leaves_nothing_that_counts(store, record):
    store.save(record)
    (store.out / "records" / f"{record.key}.json").unlink()
    leftover = store.out / "records" / f".{record.key}.json.abc.json"
    leftover.write_text('{"record": {')
    assert store.records() == ([], []) and not store.has_finished(record.key)
    store.save(record)
    assert store.has_finished(record.key) and leftover.exists()


@pytest.mark.parametrize("content", ["", '{"format": 1, "record"', "[]", "null", '{"format": 1}', "\x00\x00"])
def test_a_damaged_record_is_named_and_skipped(store, content):
    records = [with_arrays(make_record("spahgc", slide)) for slide in ("B1", "B2")]
    for record in records:
        store.save(record)
    path = store.out / "records" / f"{records[0].key}.json"
    path.write_text(content)
    read, problems = store.records()
    assert [record.key for record in read] == [records[1].key]
    assert len(problems) == 1 and str(path) in problems[0] and problems[0].endswith("again.")
    assert store.finished_keys() == {records[1].key}


def test_a_record_under_another_name_or_of_another_format_is_not_believed(store, record):
    store.save(record)
    path = store.out / "records" / f"{record.key}.json"
    path.with_stem("f" * 16).write_text(path.read_text())
    envelope = json.loads(path.read_text())
    path.write_text(json.dumps(envelope | {"format": 99}))
    read, problems = store.records()
    assert read == [] and len(problems) == 2 and any("format 99" in problem for problem in problems)


def test_a_record_written_by_other_code_is_named(store, record):
    store.save(record)
    path = store.out / "records" / f"{record.key}.json"
    envelope = json.loads(path.read_text())
    envelope["record"]["invented_field"] = 1
    path.write_text(json.dumps(envelope))
    assert "invented_field" in store.records()[1][0]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda envelope: envelope["record"].update(seed="0"), "seed"),
        (lambda envelope: envelope["record"]["slides"][0].update(scores=[0.5]), "slides.0.scores"),
        (lambda envelope: envelope["record"]["slides"][0]["scores"].update(pcc=float("nan")), "NaN"),
        (lambda envelope: envelope["predictions"].update(bytes="12"), "predictions.bytes"),
        (lambda envelope: envelope["truths"].update(B1="../../elsewhere.npz"), "truths.B1"),
        (lambda envelope: envelope.pop("truths"), "truths"),
        (lambda envelope: envelope["record"].update(tuning={"settings": {}}), "tuning.epochs is missing"),
        (lambda envelope: envelope["record"]["provenance"].update(asked=[14]), "provenance.asked"),
        (lambda envelope: envelope["record"]["provenance"].update(reading=["bin"]), "provenance.reading"),
        (lambda envelope: envelope["record"]["provenance"].update(slides={"B1": 3}), "provenance.slides"),
        (lambda envelope: envelope.update(record=[]), "not a Record"),
        (lambda envelope: envelope.update(format="1"), "format"),
    ],
)
def test_a_record_with_a_value_of_another_type_is_named_left_out_and_done_again(store, change, field):
    records = [with_arrays(make_record("spahgc", slide)) for slide in ("B1", "B2")]
    for record in records:
        store.save(record)
    path = store.out / "records" / f"{records[0].key}.json"
    envelope = json.loads(path.read_text())
    change(envelope)
    path.write_text(json.dumps(envelope))
    read, (problem,) = store.records()
    assert [record.key for record in read] == [records[1].key]
    assert str(path) in problem and field in problem and "will do it again" in problem and "\n" not in problem
    assert store.finished_keys() == {records[1].key}


def test_a_record_nested_beyond_reading_is_named(store, record):
    store.save(record)
    path = store.out / "records" / f"{record.key}.json"
    path.write_text('{"format": 1, "record": ' + "[" * 200_000)
    assert str(path) in store.records()[1][0]


def test_damaged_arrays_are_found_out(store, record):
    store.save(record)
    predictions = store.out / "predictions" / f"{record.key}.npz"
    whole = predictions.read_bytes()
    predictions.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    with pytest.raises(StorageError, match="damaged"):
        store.load_predictions(record.key)
    predictions.write_bytes(whole[:50])
    assert not store.has_finished(record.key)
    assert str(predictions) in store.records()[1][0]
    predictions.unlink()
    assert not store.has_finished(record.key) and len(store.records()[0]) == 1
    with pytest.raises(StorageError, match=r"cannot be read"):
        store.load_predictions(record.key)


def test_a_damaged_truth_is_found_out_and_mended_by_the_next_save(store, record):
    store.save(record)
    (truth,) = (store.out / "truths").iterdir()
    for damage in (truth.read_bytes()[:100], b""):
        truth.write_bytes(damage)
        with pytest.raises(StorageError, match=truth.name):
            store.load_truths(record)
        store.save(record)
        assert store.load_truths(record)["B1"].genes == GENES
    (store.out / "truths" / "other.npz").write_bytes(truth.read_bytes())
    truth.unlink()
    assert not store.has_finished(record.key)


def test_a_truth_swapped_for_another_is_not_believed(store, record):
    store.save(record)
    (truth,) = (store.out / "truths").iterdir()
    np.savez_compressed(truth, **{**dict(np.load(truth)), "totals": np.zeros(12, np.int64)})  # type: ignore[arg-type]
    with pytest.raises(StorageError, match="not the one that it is named after"):
        store.load_truths(record)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, record):
    in_the_way = tmp_path / "runs"
    in_the_way.write_text("a file, not a folder")
    for action in (RunStore(in_the_way).check_writable, lambda: RunStore(in_the_way).save(record)):
        with pytest.raises(StorageError, match="Choose a folder that is writable"):
            action()
    if os.geteuid() != 0:  # the superuser may write anywhere
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o500)
        with pytest.raises(StorageError, match="Permission denied"):
            RunStore(closed).check_writable()


def test_checking_a_folder_leaves_nothing_in_it(store):
    store.check_writable()
    assert list(store.out.iterdir()) == []


@contextmanager
def files_limited_to(n_bytes: int):
    """What a full disk does to a write, done by the operating system's own limit on the size of a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_fills_up_leaves_the_earlier_result_whole(store, record):
    small = replace(record, predictions={"B1": record.predictions["B1"]})
    store.save(small)
    rng = np.random.default_rng(0)
    big = replace(record, predictions={"B1": rng.normal(size=(100_000, 3))}, notes=("later",))
    with files_limited_to(100_000), pytest.raises(StorageError, match="Cannot write"):
        store.save(big)
    assert store.has_finished(record.key) and store.records()[0][0].notes == ("a note",)
    np.testing.assert_array_equal(store.load_predictions(record.key)["B1"], record.predictions["B1"])
    assert not [path for path in store.out.rglob(".*") if path.is_file()]


def test_values_that_json_cannot_hold_are_refused_before_anything_is_written(store, record):
    for cost in ({"fit_seconds": float("nan")}, {"fit_seconds": object()}):
        with pytest.raises(StbenchError, match="spahgc on B1 cannot be saved"):
            store.save(replace(record, cost=cost))
    assert not store.out.exists()
    store.save(replace(record, cost={"fit_seconds": np.float32(0.5), "parameters_total": np.int64(3)}))
    assert store.records()[0][0].cost == {"fit_seconds": 0.5, "parameters_total": 3}


def _save_all(out: Path, method: str) -> None:
    for _ in range(5):
        for slide in SLIDES:
            RunStore(out).save(with_arrays(make_record(method, slide)))


def test_two_processes_do_each_other_no_harm(store):
    context = multiprocessing.get_context("fork")
    workers = [
        context.Process(target=_save_all, args=(store.out, name)) for name in ("ridge", "ridge", "knn")
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    records, problems = store.records()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(records) == 10 and problems == [] and len(store.finished_keys()) == 10
    assert len(list((store.out / "truths").iterdir())) == len(SLIDES)


def test_records_alone_make_a_leaderboard(store):
    for record in complete("spahgc", GOOD):
        store.save(with_arrays(record))
    for folder in ("predictions", "truths"):
        for path in (store.out / folder).iterdir():
            path.unlink()
    assert len(store.records()[0]) == 5 and store.finished_keys() == set()


def test_real_records_come_back_as_they_are_written_to_the_last_digit():
    real = RunStore(Path(__file__).resolve().parents[3] / "leaderboards" / "her2-5slides-cpu")
    read, problems = real.records()
    written = {path.stem: json.loads(path.read_text()) for path in (real.out / "records").glob("*.json")}
    assert problems == [] and {record.key for record in read} == written.keys()
    for record in read:
        plain = json.loads(json.dumps(record.to_plain()))
        told = written[record.key]["record"]
        assert {name: plain[name] for name in told if name not in ("table", "row")} == {
            name: value for name, value in told.items() if name not in ("table", "row")
        }


def test_a_failure_that_quotes_what_is_no_text_comes_back(store, record):
    store.save(replace(record, failure="no file a\udcff"))
    (read,), problems = store.records()
    assert (read.failure, problems) == ("no file a\udcff", [])


def test_the_order_on_disk_does_not_matter(store):
    records = complete("spahgc", GOOD)
    for record in records:
        store.save(record)
    assert [record.key for record in store.records()[0]] == sorted(record.key for record in records)
    assert asdict(store.records()[0][0].row) == asdict(records[0].row)


def test_a_file_under_way_is_not_seen(store, record):
    with replacing(store.out / "records" / f"{record.key}.json") as temporary:
        temporary.write_text("half")
        assert store.records() == ([], [])
