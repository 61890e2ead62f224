"""Frozen encoders: the packaged weights are real and whole, embeddings are computed once and in no batch's debt."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from tiny_slides import make_slide

from stbench.errors import EncoderError, UnknownName
from stbench.preprocess.cache import array_path
from stbench.preprocess.encoders import (
    DEFAULT_ENCODER,
    embedding_identity,
    embeddings_cached,
    embeddings_of,
    encoder_identity,
    encoders,
    find_encoder,
    load_encoder,
    networks,
)
from stbench.preprocess.encoders.networks import packaged_network, packaged_weights
from stbench.preprocess.patches import PatchSize, patches_of

SIZE = PatchSize(32)


@pytest.fixture(scope="module")
def embed():
    return load_encoder(DEFAULT_ENCODER)


@pytest.fixture
def slide(tmp_path, cache):
    return make_slide(tmp_path / "slides", "S1", "A", 0)


def test_the_packaged_weights_fill_every_tensor_of_timms_network():
    import timm
    import torch

    stored = torch.load(packaged_weights(), map_location="cpu", weights_only=True)
    wanted = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    loaded = packaged_network().network.state_dict()
    assert len(stored) == len(wanted) == 296
    for (old, tensor), new in zip(stored.items(), wanted, strict=True):
        assert tensor.shape == wanted[new].shape, (old, new)
        if not new.startswith("classifier"):
            torch.testing.assert_close(loaded[new], tensor, rtol=0, atol=0)


def test_weights_of_another_network_are_refused(monkeypatch, tmp_path):
    import torch

    stored = torch.load(packaged_weights(), map_location="cpu", weights_only=True)
    stored.popitem()
    torch.save(stored, tmp_path / "short.pth")
    monkeypatch.setattr(networks, "packaged_weights", lambda: tmp_path / "short.pth")
    with pytest.raises(EncoderError, match="do not fit timm's network"):
        packaged_network()


def _textures(n: int, edge: int = 64) -> np.ndarray:
    """Patches of several colours and grains."""
    rng = np.random.default_rng(0)
    patches = rng.normal(0, 1, (n, edge, edge, 3)) * np.linspace(5, 60, n)[:, None, None, None]
    patches += rng.uniform(60, 200, (n, 1, 1, 3))
    patches[1::2] = patches[1::2, : edge // 8, : edge // 8].repeat(8, axis=1).repeat(8, axis=2)
    return patches.clip(0, 255).astype(np.uint8)


def test_a_batch_is_embedded_as_its_patches_are_one_by_one(embed):
    patches = _textures(6)
    together = embed(patches)
    single = np.concatenate([embed(patches[i : i + 1]) for i in range(6)])
    assert (together.shape, together.dtype) == ((6, 1280), np.float32)
    np.testing.assert_allclose(together, single, atol=1e-4)
    np.testing.assert_array_equal(together, embed(patches))


def test_embeddings_tell_textures_apart_and_know_a_slight_change(embed):
    patches = _textures(6)
    values = embed(patches)
    nudged = embed(np.clip(patches.astype(int) + 1, 0, 255).astype(np.uint8))
    assert (values.std(axis=0) > 1e-3).sum() > 100  # most features are switched off on noise
    between = np.linalg.norm(values[:, None] - values[None], axis=-1)
    moved = np.linalg.norm(values - nudged, axis=-1)
    assert (moved < between[~np.eye(6, dtype=bool)].min()).all()


def test_pixels_are_scaled_to_minus_one_and_one(embed):
    """Black and white are symmetric about the weights' mean pixel: what the network gets of a middle grey is 0."""
    loaded = packaged_network()
    assert (loaded.transform.mean, loaded.transform.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    import torch

    pixels = torch.linspace(-1, 1, 256)
    image = np.tile(np.arange(256, dtype=np.uint8), (1, 256, 1))[..., None].repeat(3, axis=-1)
    direct = pixels.view(1, 1, 1, 256).expand(1, 3, 256, 256)
    with torch.inference_mode():
        expected = loaded.network.eval()(direct.contiguous()).numpy()
    np.testing.assert_allclose(embed(image), expected, atol=1e-3)


def test_embeddings_of_a_slide_are_those_of_its_patches_and_are_computed_once(slide, embed):
    heard = []
    assert not embeddings_cached(slide, DEFAULT_ENCODER, SIZE)
    values = embeddings_of(slide, DEFAULT_ENCODER, SIZE, progress=lambda *done: heard.append(done))
    path = array_path("embeddings", embedding_identity(slide, DEFAULT_ENCODER, SIZE))
    written = path.stat().st_mtime_ns
    np.testing.assert_allclose(values, embed(np.array(patches_of(slide, SIZE))), atol=1e-4)
    assert heard == [(32, 36), (36, 36)]
    again = embeddings_of(slide, DEFAULT_ENCODER, SIZE, progress=lambda *done: heard.append(done))
    np.testing.assert_array_equal(again, values)
    assert path.stat().st_mtime_ns == written and len(heard) == 2
    assert embeddings_cached(slide, DEFAULT_ENCODER, SIZE)


def test_the_identity_holds_weights_transform_type_and_patches(slide, monkeypatch, tmp_path):
    identity = encoder_identity(DEFAULT_ENCODER)
    assert set(identity) == {"encoder", "weights", "transform", "dtype"}
    other = tmp_path / "other.pth"
    other.write_bytes(b"other weights")
    monkeypatch.setattr("stbench.preprocess.encoders.identity.packaged_weights", lambda: other)
    assert encoder_identity(DEFAULT_ENCODER)["weights"] != identity["weights"]
    assert len({str(encoder_identity(name)) for name in encoders()}) == len(encoders())
    of_slide = embedding_identity(slide, DEFAULT_ENCODER, SIZE)
    for changed, size in ((replace(slide, pixel_xy=slide.pixel_xy + 1), SIZE), (slide, PatchSize(33))):
        assert embedding_identity(changed, DEFAULT_ENCODER, size) != of_slide


def test_an_unknown_encoder_names_the_near_ones():
    with pytest.raises(UnknownName, match=r"no encoder named 'resnet81'.*Did you mean resnet18"):
        find_encoder("resnet81")
    with pytest.raises(UnknownName):
        load_encoder("resnet81")


def test_weights_out_of_reach_give_one_sentence(tmp_path):
    code = (
        "from stbench.preprocess.encoders import load_encoder\n"
        "from stbench.errors import EncoderError\n"
        "for name in ('resnet18', 'uni'):\n"
        "    try: load_encoder(name)\n"
        "    except EncoderError as error: print(error)\n"
    )
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "STBENCH_CACHE": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", code], env=offline, capture_output=True, text=True, check=True
    )
    remedies = {
        "resnet18": "connect to the network once",
        "uni": "accept the terms at https://huggingface.co/MahmoodLab/UNI",
    }
    for sentence, (name, remedy) in zip(run.stdout.strip().splitlines(), remedies.items(), strict=True):
        assert sentence.startswith(f"The weights of encoder {name} cannot be had") and remedy in sentence
        assert f"--encoder {DEFAULT_ENCODER}" in sentence and sentence.count(". ") == 0


@pytest.mark.parametrize("registers", [0, 4])
def test_virchow_s_embedding_is_the_class_token_beside_the_mean_of_the_patches_alone(registers):
    """Virchow has no registers, Virchow2 four; both have the class token first and 2,560 numbers of two halves."""
    import timm
    import torch

    network = timm.create_model(
        "vit_tiny_patch16_224", num_classes=0, global_pool="", img_size=32, reg_tokens=registers
    )
    tokens = torch.randn(2, 1 + registers + 4, 192)
    assert network(torch.zeros(2, 3, 32, 32)).shape == tokens.shape
    pooled = networks._class_token_and_mean(network)(tokens)
    assert torch.equal(pooled[:, :192], tokens[:, 0])
    torch.testing.assert_close(pooled[:, 192:], tokens[:, -4:].mean(1))
