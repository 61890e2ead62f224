"""Encoders of one's own: found, held to their cards, told apart by their weights, and watched while they embed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from tiny_slides import make_slide

from stbench.errors import EncoderError, PluginError, UnknownName
from stbench.preprocess.encoders import (
    broken_encoders,
    embeddings_of,
    encoder_identity,
    encoder_label,
    encoders,
    find_encoder,
    load_encoder,
)
from stbench.preprocess.patches import PatchSize, patches_cached, patches_of

Write = Callable[..., Path]
HONEST = "return (patches.mean((1, 2)) / 255).astype(np.float32)"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Write:
    """A function that writes an encoder into a folder that is searched: what embeds, and the card's fields."""
    monkeypatch.setenv("STBENCH_ENCODERS", str(tmp_path / "encoders"))

    def write(name: str, embed: str = HONEST, load: str = "pass", /, **card: object) -> Path:
        folder = tmp_path / "encoders" / name
        folder.mkdir(parents=True)
        source = (
            f"import numpy as np\ndef load(device):\n    {load}\n    def embed(patches):\n        {embed}\n"
        )
        (folder / "encoder.py").write_text(f"{source}    return embed\n")
        about = {"name": name, "title": name, "width": 3, "weights": "none", "access": "here"}
        (folder / "card.yaml").write_text(yaml.safe_dump({**about, **card}))
        return folder

    return write


def test_a_folder_is_an_encoder(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = write("mean-colour", licence="MIT", patch_um=112.0)
    found = find_encoder("Mean_Colour")
    assert (found.folder, found.card.width, found.card.patch_um) == (folder, 3, 112.0)
    patches = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    expected = patches.astype(float).reshape(4, 64, 3).sum(1) / (64 * 255)
    np.testing.assert_allclose(load_encoder("mean-colour")(patches), expected, rtol=1e-6)
    monkeypatch.setenv("STBENCH_ENCODERS", str(folder))  # the folder of one encoder will do
    assert find_encoder("mean-colour").folder == folder


def test_a_package_joins_by_its_entry_point(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch):
    site, folder = tmp_path / "site", write("from-afar")
    site.mkdir()
    folder.rename(site / "their_encoder")
    (site / "their_encoder" / "__init__.py").touch()
    metadata = site / "their_encoder-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: their-encoder\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[stbench.encoders]\nfrom-afar = their_encoder\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("STBENCH_ENCODERS", "")
    from stbench.preprocess.encoders import finding

    finding._found.cache_clear()
    try:
        assert find_encoder("from-afar").folder == site / "their_encoder"
        assert load_encoder("from-afar")(np.zeros((2, 4, 4, 3), dtype=np.uint8)).tolist() == [[0, 0, 0]] * 2
    finally:
        finding._found.cache_clear()


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ({"widht": 3}, "widht"),
        ({"name": "uni"}, "that of a built-in encoder"),
        ({"name": "a,b"}, "name"),
        ({"gated": True}, "https://"),
        ({"weights_sha256": "abc"}, "weights_sha256"),
    ],
)
def test_a_broken_card_is_named_and_skipped(card: dict, words: str, write: Write):
    write("sound")
    write("broken", **card)
    assert words in broken_encoders()["broken"]
    assert "sound" in encoders() and "broken" not in encoders() and encoders()["uni"].folder is None
    with pytest.raises(PluginError, match=r"Encoder broken cannot be used: .*card"):
        find_encoder("broken")
    with pytest.raises(UnknownName, match="Did you mean sound"):
        find_encoder("soumd")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import nothing_of_this_name", "does not load: ModuleNotFoundError"),
        ("x = 1", r"has no function load\(device\)"),
        ("def load(device): return None", "load gave nothing"),
        ("def load(device): raise OSError('no such weights')", "cannot be loaded: OSError: no such weights"),
    ],
)
def test_a_source_that_does_not_load_is_one_sentence(source: str, words: str, write: Write):
    (write("broken") / "encoder.py").write_text(source)
    with pytest.raises((PluginError, EncoderError), match=words) as raised:
        load_encoder("broken")
    assert "\n" not in str(raised.value)


def test_other_weights_or_another_source_are_another_encoder(write: Write):
    folder = write("own", weights_file="weights.bin")
    with pytest.raises(EncoderError, match=r"not at .*weights.bin"):
        encoder_identity("own")
    (folder / "weights.bin").write_bytes(b"first")
    first = encoder_identity("own")
    assert first["weights"]["file"] == hashlib.sha256(b"first").hexdigest()
    (folder / "weights.bin").write_bytes(b"second")
    second = encoder_label("own")
    assert encoder_identity("own")["weights"]["source"] == first["weights"]["source"]
    assert encoder_identity("own") != first
    (folder / "encoder.py").write_text((folder / "encoder.py").read_text() + "# edited\n")
    assert encoder_label("own") != second
    assert second.startswith("own@") and len(second) == len("own@") + 8


def test_weights_that_are_not_those_of_the_card_are_refused(write: Write):
    declared = hashlib.sha256(b"right").hexdigest()
    folder = write("own", weights_file="weights.bin", weights_sha256=declared)
    write("elsewhere", weights_sha256=declared)  # fetched by its own code
    (folder / "weights.bin").write_bytes(b"wrong")
    with pytest.raises(EncoderError, match=f"its card declares {declared[:10]}"):
        load_encoder("own")
    (folder / "weights.bin").write_bytes(b"right")
    assert encoder_identity("own")["weights"]["file"] == declared
    assert encoder_identity("elsewhere")["weights"]["file"] == declared


@pytest.mark.parametrize(
    ("embed", "words"),
    [
        ("return np.full((len(patches), 3), np.nan, dtype=np.float32)", "not finite for 32 of 32 patches"),
        ("return np.zeros((len(patches), 4), dtype=np.float32)", r"the shape \(32, 4\) for 32 patches"),
        ("return np.zeros((len(patches) - 1, 3), dtype=np.float32)", r"and \(32, 3\) is promised"),
        ("return np.zeros((len(patches), 3))", "float64"),
        ("return [0] * len(patches)", "an object of type list"),
        ("raise RuntimeError('of its own')", "failed: RuntimeError: of its own"),
    ],
)
def test_what_is_not_as_promised_ends_the_embedding(embed: str, words: str, write: Write, tmp_path: Path):
    write("hostile", embed)
    with pytest.raises(EncoderError, match=f"Encoder hostile .*{words}"):
        embeddings_of(make_slide(tmp_path / "slides", "S1", "A", 0), "hostile", PatchSize(16))


def test_a_slide_s_patches_are_embedded_spot_by_spot_and_not_stored(write: Write, tmp_path: Path):
    write("mean-colour")
    write("spoils", f"copy = patches.copy(); patches[:] = 0; patches = copy; {HONEST}")
    slide, size = make_slide(tmp_path / "slides", "S1", "A", 0), PatchSize(16)
    values = [np.array(embeddings_of(slide, name, size)) for name in ("mean-colour", "spoils")]
    assert not patches_cached(slide, size)
    expected = np.array(patches_of(slide, size)).astype(float).mean((1, 2)) / 255
    np.testing.assert_allclose(values[0], expected, rtol=1e-6)
    np.testing.assert_array_equal(values[0], values[1])
