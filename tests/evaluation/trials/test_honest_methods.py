"""What honest methods do works in a sealed child as it does anywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from plugins.command import records, stbench

from stbench.evaluation.sealing import landlock

pytestmark = [
    pytest.mark.skipif(landlock.abi() == 0, reason="this kernel offers no Landlock"),
    pytest.mark.acceptance,
]

HONEST = Path(__file__).resolve().parents[2] / "plugins" / "honest"
NAMES = sorted(card.parent.name.replace("_", "-") for card in HONEST.glob("*/card.yaml"))
DESIGN = ["--dataset", "demo-tiny", "--genes", "highest", "--inner", "none", "--slides", "A1,B1", "--json"]


def test_honest_methods_finish_in_a_sealed_process(
    quick: None, plug_in: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    hub = tmp_path / "hub"
    weights = hub / "models--stbench-tests--some-encoder"
    (weights / "snapshots" / "1").mkdir(parents=True)
    (weights / "refs").mkdir()
    (weights / "refs" / "main").write_text("1")
    (weights / "snapshots" / "1" / "weights.bin").write_text("0.25")
    monkeypatch.setenv("HF_HUB_CACHE", str(hub))
    plug_in(HONEST)
    outcome = stbench("run", "--method", ",".join(NAMES), *DESIGN, "--out", tmp_path / "out")
    found = [record for record in records(tmp_path / "out").values() if record["row"]["method"] in NAMES]
    assert outcome.status == 0, [(r["row"]["method"], r["failure"], r["trace"]) for r in found]
    assert len(NAMES) == 6 and len(found) == 12
    assert all(record["failure"] is None and record["sealed"].startswith("sealed") for record in found)
    rmse = {record["row"]["method"]: record["slides"][0]["scores"]["rmse"] for record in found}
    assert rmse["hub-cache"] != rmse["loader"]  # it found the weights that it was lent
    assert rmse["loader"] == pytest.approx(rmse["parallel"], abs=0.05)
