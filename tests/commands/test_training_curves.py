"""What a Record keeps of its training: losses of its own fit, and three scores of the inner loop that chose for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluation.tiny_methods import Epochs, card
from plugins.command import stbench
from reporting.record_factory import make_record
from tiny_slides import make_slides, sources_of

from stbench.commands.shelf import Keep
from stbench.commands.training_curves import LossKeepingBench, thinned, with_inner_curves
from stbench.contract import FitReport
from stbench.errors import StbenchError
from stbench.evaluation.agenda import Agenda
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.design import Design
from stbench.evaluation.executors import OneByOne
from stbench.evaluation.plan import make_plan
from stbench.evaluation.trials.benches import InProcessBench
from stbench.evaluation.trials.plugins import PluginPlace
from stbench.record import Record
from stbench.reporting.results.store import RunStore
from stbench.reporting.results.trial_store import TrialStore


class Losing(Epochs):
    """Epochs with a loss that is 10 less the epoch."""

    def fit(self, *given, **more) -> FitReport:
        report = super().fit(*given, **more)
        return replace(report, losses=tuple(10.0 - epoch for epoch in range(1, self.epochs + 1)))


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The Records of two settings tried on four slides by pairs, the first fold's job, and what lies in the folder."""
    tmp_path = tmp_path_factory.mktemp("curves")
    sources = sources_of(make_slides(tmp_path / "slides"))
    design = Design("tiny", genes="highest", n_genes=12)
    losing = card(grid=({}, {"best": 2}))
    contestant = Contestant("losing", losing, "source", "", {}, {}, place=PluginPlace("losing", "", Path()))
    plan = make_plan(design, "reader", sources, [contestant], (0,))
    patients, keep = {source.id: source.patient for source in sources}, Keep(tmp_path, {})
    bench = LossKeepingBench(design, tuple(sources), InProcessBench(lambda name: Losing), {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STBENCH_CACHE", str(tmp_path / "cache"))
        results = list(OneByOne(bench.materials()).map(bench, Agenda(plan.jobs, {}, "pcc", patients)))
    for result in results:
        keep(result)
    job = plan.jobs[0]
    record = next(r for r in results if isinstance(r, Record) and r.key in job.keys.values())
    return record, job, patients, tmp_path


def test_losses_are_those_of_the_records_own_fit(done):
    record, *_ = done
    epochs = list(range(1, record.cost["epochs"] + 1))
    values = [10.0 - epoch for epoch in epochs]
    assert epochs and record.curves == {
        "training_loss": {"epochs": epochs, "values": values, "n_points": len(epochs)}
    }


def test_inner_scores_are_the_chosen_settings_means_over_patients(done):
    record, job, patients, out = done
    known = with_inner_curves(record, job, TrialStore(out), patients)
    assert set(known.curves) == {
        "training_loss",
        "inner_pcc",
        "inner_pcc_given_depth",
        "inner_pcc_equal_depth",
    }
    pcc = known.curves["inner_pcc"]
    chosen = next(c for c in record.tuning["curves"] if c["settings"] == record.tuning["settings"])
    assert pcc["values"] == pytest.approx(chosen["curve"], abs=1e-6)
    assert tuple(pcc["epochs"]) == tuple(chosen["checkpoints"])
    best = pcc["epochs"][int(np.argmax(pcc["values"]))]
    assert best == record.tuning["epochs"]
    depths = [known.curves[f"inner_{name}"]["values"] for name in ("pcc_given_depth", "pcc_equal_depth")]
    assert depths[0] != depths[1] != pcc["values"]


def test_a_trial_that_is_gone_costs_the_inner_scores_alone(done, tmp_path):
    record, job, patients, _ = done
    assert with_inner_curves(record, job, TrialStore(tmp_path), patients) is record


def test_curves_are_added_to_what_is_stored_and_its_arrays_stay(done):
    record, job, patients, out = done
    store = RunStore(out)
    store.add_curves(with_inner_curves(record, job, TrialStore(out), patients))
    assert set(store.load(record.key).curves) > {"training_loss", "inner_pcc"}
    assert store.has_finished(record.key) and store.load_predictions(record.key).keys() == {"S1"}


def test_what_a_death_between_a_record_and_its_curves_left_out_the_next_run_adds(quick, plug_in, tmp_path):
    methods, out = tmp_path / "methods", tmp_path / "out"
    methods.mkdir()
    plug_in(methods)
    assert stbench("new-method", "other-words", "--template", "torch").status == 0
    asked = (
        "run",
        "--method",
        "other-words",
        "--dataset",
        "demo-tiny",
        "--epochs",
        2,
        "--in-process",
        "--out",
        out,
    )
    assert stbench(*asked).status == 0
    store = RunStore(out)
    whole = next(record for record in store.records()[0] if "inner_pcc" in record.curves)
    store.add_curves(replace(whole, curves={}))
    assert stbench(*asked).status == 0
    lost = {name: curve for name, curve in whole.curves.items() if name != "training_loss"}
    assert store.load(whole.key).curves == lost


def test_a_long_curve_is_thinned_evenly_and_says_of_how_many():
    curve = thinned(range(1, 1001), [1 / epoch for epoch in range(1, 1001)])
    assert len(curve["epochs"]) == 200 and curve["n_points"] == 1000
    assert (curve["epochs"][0], curve["epochs"][-1], curve["values"][-1]) == (1, 1000, 0.001)
    assert set(np.diff(curve["epochs"])) == {5, 6} or set(np.diff(curve["epochs"])) == {5}


def test_older_records_have_no_curves_and_stay_readable():
    plain = make_record("ridge", "B1").to_plain()
    del plain["curves"]
    assert Record.from_plain(plain).curves == {}


@pytest.mark.parametrize(
    ("curve", "reason"),
    [
        ({"epochs": [1, 2], "values": [0.5], "n_points": 2}, "values should be as many as its 2 epochs"),
        ({"epochs": [2, 1], "values": [0.5, 0.4], "n_points": 2}, "epochs should ascend"),
        ({"epochs": [1], "values": ["high"], "n_points": 1}, "values"),
    ],
)
def test_what_is_no_curve_is_refused(curve, reason):
    plain = make_record("ridge", "B1").to_plain() | {"curves": {"training_loss": curve}}
    with pytest.raises(StbenchError, match=reason):
        Record.from_plain(plain)
