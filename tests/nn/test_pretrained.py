"""Networks with published weights: from a file in the cache, or random with a warning; never silently."""

from __future__ import annotations

import hashlib
import re
import threading
import warnings
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from stbench.errors import MethodError, UnknownName
from stbench.nn import pretrained
from stbench.nn.pretrained import imagenet_network
from stbench.preprocess import weights as catalogue
from stbench.preprocess.weights import PublishedWeights, fetch_weights, find_weights, weights_at_hand

NAME = "shufflenet_v2_x0_5"


@pytest.fixture
def warned_anew():
    pretrained._warn_once.cache_clear()
    yield
    pretrained._warn_once.cache_clear()


def published(seed: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return pretrained._BUILDERS[NAME]().state_dict()


def test_without_weights_it_is_random_and_warns_once(cache, warned_anew):
    with pytest.warns(UserWarning, match="starts from random weights"):
        assert "random" in imagenet_network(NAME).origin
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        imagenet_network(NAME)


def test_weights_in_the_cache_are_loaded_and_the_random_state_does_not_depend_on_them(cache, warned_anew):
    torch.manual_seed(7)
    with pytest.warns(UserWarning):
        imagenet_network(NAME)
    after_random = torch.rand(3)
    stored = published(seed=1)
    file = find_weights(NAME).file
    file.parent.mkdir(parents=True)
    torch.save(stored, file)
    torch.manual_seed(7)
    network, origin = imagenet_network(NAME)
    assert torch.equal(torch.rand(3), after_random)
    assert "ImageNet" in origin and file.name in origin
    assert all(torch.equal(tensor, stored[key]) for key, tensor in network.state_dict().items())
    assert weights_at_hand([NAME, "resnet50"]) == {NAME: True, "resnet50": False}


def test_names_of_the_published_densenet_are_translated(cache):
    torch.manual_seed(0)
    network = pretrained._BUILDERS["densenet121"]()
    old = {
        re.sub(r"(norm|conv)([12])\.", r"\1.\2.", key): value for key, value in network.state_dict().items()
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    file = find_weights("densenet121").file
    file.parent.mkdir(parents=True)
    torch.save(old, file)
    loaded = imagenet_network("densenet121").network
    assert torch.equal(loaded.state_dict()["features.conv0.weight"], old["features.conv0.weight"])


def test_a_damaged_file_is_named(cache):
    file = find_weights(NAME).file
    file.parent.mkdir(parents=True)
    torch.save({"conv1.0.weight": torch.zeros(1)}, file)
    with pytest.raises(MethodError, match=file.name):
        imagenet_network(NAME)


def test_an_unknown_name_is_refused():
    with pytest.raises(UnknownName):
        imagenet_network("resnet51")


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def test_fetching_checks_the_hash_and_leaves_nothing_behind(cache, server, monkeypatch):
    folder, address = server
    content = b"weights" * 1000
    digest = hashlib.sha256(content).hexdigest()
    for name, file in (("good", f"net-{digest[:8]}.pth"), ("wrong", "net-00000000.pth")):
        (folder / file).write_bytes(content)
        monkeypatch.setitem(catalogue.WEIGHTS, name, PublishedWeights(name, f"{address}/{file}"))
    monkeypatch.setitem(catalogue.WEIGHTS, "absent", PublishedWeights("absent", f"{address}/no-12345678.pth"))
    assert fetch_weights("good") is None
    assert find_weights("good").file.read_bytes() == content
    assert "was expected" in (fetch_weights("wrong") or "")
    assert "404" in (fetch_weights("absent") or "")
    assert [file.name for file in find_weights("good").file.parent.iterdir()] == [f"net-{digest[:8]}.pth"]
