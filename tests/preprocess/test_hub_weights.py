"""Encoders of Hugging Face: what lies in its cache is loaded, hashed and pinned, and nothing else is taken later."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import save_file

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SCRIPT = """
import json, sys
import numpy as np
from stbench.errors import StbenchError
from stbench.preprocess.encoders import encoder_identity, have_weights, load_encoder, weights_known
patches = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
told = {"before": [weights_known("resnet18"), encoder_identity("resnet18")["weights"]]}
try:
    have_weights("resnet18")
    told["identity"] = encoder_identity("resnet18")["weights"]
    told["values"] = load_encoder("ResNet-18")(patches).tolist()
except StbenchError as error:
    told["error"] = str(error)
print(json.dumps(told))
"""


def _stored_network(folder: Path, seed: int) -> tuple[Path, object]:
    """A ResNet-18 of random weights as timm would upload it, in Hugging Face's cache; its file, and itself."""
    import timm
    import torch

    torch.manual_seed(seed)
    network = timm.create_model("resnet18", pretrained=False, num_classes=10).eval()
    repository = folder / "hub" / "models--timm--resnet18.tv_in1k"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True, exist_ok=True)
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / "main").write_text(COMMIT)
    about = {"input_size": [3, 224, 224], "num_classes": 10, "classifier": "fc", "first_conv": "conv1"}
    config = {"architecture": "resnet18", "num_classes": 10, "pretrained_cfg": about}
    (snapshot / "config.json").write_text(json.dumps(config))
    save_file(network.state_dict(), snapshot / "model.safetensors")
    return snapshot / "model.safetensors", network


def _told(folder: Path) -> dict:
    here = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder), "STBENCH_CACHE": str(folder / "stbench")}
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, **here}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(run.stdout)


@pytest.mark.filterwarnings("ignore")
def test_weights_are_loaded_hashed_and_pinned(tmp_path: Path):
    import numpy as np
    import torch

    file, network = _stored_network(tmp_path, 0)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    told = _told(tmp_path)
    assert told["before"] == [False, "timm/resnet18.tv_in1k, never had"]
    assert told.get("error") is None
    assert told["identity"] == sha256
    patches = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    pixels = torch.from_numpy(patches).permute(0, 3, 1, 2).float() / 255
    pixels = torch.nn.functional.interpolate(pixels, (224, 224), mode="bilinear", antialias=True)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.inference_mode():
        features = network.forward_features((pixels - mean.view(3, 1, 1)) / std.view(3, 1, 1))  # type: ignore[attr-defined]
    np.testing.assert_allclose(told["values"], features.mean((2, 3)).numpy(), rtol=1e-3, atol=1e-4)
    note = json.loads((tmp_path / "stbench" / "weights" / "timm--resnet18.tv_in1k.json").read_text())
    assert (note["commit"], note["file"], note["sha256"]) == (COMMIT, "model.safetensors", sha256)

    _stored_network(tmp_path, 1)  # others under the same commit
    told = _told(tmp_path)
    assert told["before"] == [True, sha256]
    assert f"{sha256[:10]}... was had of timm/resnet18.tv_in1k before" in told["error"]
