"""The golden numbers see a single wrong line: each network is broken in one place, and its comparison must fail."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from methods.golden.authors_numbers import MISSING, load

check = load()
if check is None:
    pytest.skip(MISSING, allow_module_level=True)

# method: what is wrong, the module, the line as it stands, the line as it must not be
BREAKS = {
    "spahgc": (
        "no activation on the expression stream",
        "stbench.methods.spahgc.network",
        "F.leaky_relu(nodes.expression, SLOPE),",
        "nodes.expression,",
    ),
    "eggn": (
        "softmax over the other axis",
        "stbench.methods.eggn.bridging",
        "weights = (TEMPERATURE * exemplars).softmax(1)",
        "weights = (TEMPERATURE * exemplars).softmax(2)",
    ),
    "cmrcnet": (
        "another eps in the layer norms",
        "stbench.methods.cmrcnet.image_encoder",
        "eps=1e-6",
        "eps=1e-5",
    ),
    "histogene": (
        "columns looked up as rows",
        "stbench.methods.histogene.network",
        "column, row = self.position(columns_rows)",
        "column, row = self.position(columns_rows.flip(-1))",
    ),
    "hist2st": (
        "a residual from the wrong side",
        "stbench.methods.hist2st.network",
        "return self.across_channels(maps + self.within_channels(maps))",
        "return maps + self.across_channels(self.within_channels(maps))",
    ),
    "thitogene": (
        "sigmoid for softmax",
        "stbench.methods.thitogene.dynamic_convolution",
        "self.mix(squeezed).softmax(1)",
        "self.mix(squeezed).sigmoid()",
    ),
    "hggep": (
        "one of three depths forgotten",
        "stbench.methods.hggep.network",
        "total = depths[0] + depths[1] + depths[2]",
        "total = depths[0] + depths[1]",
    ),
    "bleep": (
        "GELU by its approximation",
        "stbench.nn.projection",
        "F.gelu(projected)",
        'F.gelu(projected, approximate="tanh")',
    ),
    "mclstexp": (
        "a ReLU before the pooling",
        "stbench.methods.mclstexp.network",
        "return maps.mean((2, 3))",
        "return maps.relu().mean((2, 3))",
    ),
    "m2ost": (
        "a gate without its identity",
        "stbench.methods.m2ost.mixing",
        "view * (1 + gate)",
        "view * gate",
    ),
    "stnet": (
        "no ReLU before the pooling",
        "stbench.methods.stnet.network",
        "F.relu(self.backbone(images))",
        "self.backbone(images)",
    ),
}


class BrokenSource(importlib.machinery.SourceFileLoader):
    """Loads a module whose source has one line replaced; no compiled copy is read or written."""

    def __init__(self, module: str, path: str, right: str, wrong: str):
        super().__init__(module, path)
        self.right, self.wrong = right, wrong

    def get_code(self, fullname):
        source = Path(self.path).read_text(encoding="utf-8")
        assert source.count(self.right) == 1, f"{fullname} does not hold this line once: {self.right}"
        return self.source_to_code(source.replace(self.right, self.wrong).encode(), self.path)


@contextmanager
def broken(method: str, module: str, right: str, wrong: str) -> Iterator[None]:
    """Inside, the method and the building blocks are imported anew, one line of them broken."""
    spec = importlib.util.find_spec(module)
    assert spec and spec.origin
    loader = BrokenSource(module, spec.origin, right, wrong)

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            return importlib.util.spec_from_loader(name, loader) if name == module else None

    kept = {name: sys.modules.pop(name) for name in _imported("stbench.nn", f"stbench.methods.{method}")}
    sys.meta_path.insert(0, Finder)
    try:
        yield
    finally:
        sys.meta_path.remove(Finder)
        for name in _imported("stbench.nn", f"stbench.methods.{method}"):
            del sys.modules[name]
        sys.modules.update(kept)
        for name, whole in kept.items():  # `import a.b as c` looks at the parent's attribute first
            parent, _, child = name.rpartition(".")
            setattr(sys.modules[parent], child, whole)


def _imported(*packages: str) -> list[str]:
    """Modules of these packages that have been imported."""
    return [name for name in sys.modules if name.startswith(packages)]


def test_every_network_is_broken_once_and_each_in_another_line():
    assert BREAKS.keys() == check.CHECKS.keys()
    assert len({(module, line) for _, module, line, _ in BREAKS.values()}) == len(BREAKS)


@pytest.mark.acceptance
@pytest.mark.parametrize("method", BREAKS)
def test_one_wrong_line_turns_the_comparison_red(method):
    what, *line = BREAKS[method]
    with broken(method, *line):
        failed = check.failures(method, torch.float64)
    assert failed, f"{method} with {what} still gives the authors' numbers"
