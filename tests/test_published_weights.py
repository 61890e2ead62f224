"""Published weights in a run: fetched before the plan is final, named in the row, part of a result's identity."""

from __future__ import annotations

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stbench.commands import run as benchmark
from stbench.preprocess import weights as catalogue
from stbench.preprocess.weights import PublishedWeights, find_weights

METHOD = '''
from dataclasses import replace
from stbench.contract import Method
from stbench.preprocess.weights import find_weights
import numpy as np

class Starter(Method):
    """The training mean; says which file it would have started from."""

    def fit(self, train, queries=(), checkpoints=(), context=None):
        self._mean = np.concatenate([slide.expression for slide in train]).mean(axis=0)
        file = find_weights("tiny").file
        words = file.read_text() if file.is_file() else "random"
        return replace(self.report_without_epochs(queries, context), pretrained=words)

    def predict(self, slide):
        return np.tile(self._mean, (slide.n_spots, 1))

plugin = Starter
'''
CARD = "title: Starter\nsummary: starts from weights\nfamily: fixture\npretrained: [tiny]\n"


@pytest.fixture
def starter(tmp_path: Path, plug_in) -> None:
    folder = tmp_path / "methods" / "starter"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(METHOD)
    (folder / "card.yaml").write_text(CARD)
    plug_in(folder.parent)


class Heard(benchmark.Listener):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, sentence: str) -> None:
        self.warnings.append(sentence)


def run(out: Path) -> tuple[dict[str, str], list[str]]:
    """What each result of `starter` started from, by its key, and the warnings."""
    heard = Heard()
    records = benchmark.run(
        ["starter"], "demo-tiny", out=out, inner="none", genes="highest", n_genes=10, listener=heard,
        in_process=True,  # where the weights of this test are known
    )  # fmt: skip
    assert all(record.finished for record in records), [record.failure for record in records]
    found = {r.key: r.pretrained for r in records if r.row.method == "starter"}
    return found, [w for w in heard.warnings if "weights" in w]


def test_unreachable_then_reachable(quick, cache, starter, tmp_path, monkeypatch):
    served = tmp_path / "served"
    served.mkdir()
    content = b"the published ones"
    file = f"tiny-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    handler = partial(SimpleHTTPRequestHandler, directory=str(served))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/{file}"
        monkeypatch.setitem(catalogue.WEIGHTS, "tiny", PublishedWeights("tiny", address))
        without, warnings = run(tmp_path / "runs")
        assert set(without.values()) == {"random"}
        assert len(warnings) == 1 and address in warnings[0] and "random weights" in warnings[0]

        (served / file).write_bytes(content)
        assert not find_weights("tiny").file.exists()
        again, _ = run(tmp_path / "runs")  # finished: nothing is fetched for it
        assert again == without

        fresh, warnings = run(tmp_path / "fresh")
        assert set(fresh.values()) == {"the published ones"} and not warnings
        assert not set(fresh) & set(without)
        server.shutdown()
    with_weights, _ = run(tmp_path / "runs")  # now they are at hand, so these are other results
    assert with_weights == fresh
