"""What an open picture takes, measured as the peak of a process of its own: 4.5 bytes a pixel at most."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SIDE = 4_000
GOAL = 4.5
READ = """
import resource, sys
from pathlib import Path
from stbench.pictures.opening import open_image
import stbench.preprocess.thumbnails as thumbnails
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
def read(path):
    if sys.argv[1] == "thumbnail":
        thumbnails._drawn(path, 640)
        return
    with open_image(path) as image:
        for top in range(0, image.height, image.rows_at_once):
            image.region(0, top, image.width, top + image.rows_at_once)
read(Path(sys.argv[3]))  # what the libraries themselves take
before = peak()
read(Path(sys.argv[2]))
print(peak() - before)
"""


def write(path: Path, side: int, mode: str, turned: bool) -> Path:
    blocks = np.random.default_rng(0).integers(0, 256, (side // 8, side // 8, len(mode)), dtype=np.uint8)
    pixels = np.kron(blocks, np.ones((8, 8, 1), np.uint8)).squeeze()
    exif = Image.Exif()
    exif[0x0112] = 6 if turned else 1
    options = {"quality": 90} if path.suffix == ".jpg" else {"compress_level": 1}
    Image.fromarray(pixels, mode=mode).save(path, exif=exif, **options)
    return path


@pytest.mark.parametrize("work", ["regions", "thumbnail"])
@pytest.mark.parametrize(
    ("name", "mode", "turned"),
    [
        ("a.jpg", "RGB", False),
        ("a.jpg", "RGB", True),
        ("a.jpg", "CMYK", False),
        ("a.png", "RGB", False),
        ("a.png", "RGBA", True),
        ("a.png", "L", False),
    ],
)
def test_jpeg_and_png_are_held_once(tmp_path: Path, name: str, mode: str, turned: bool, work: str):
    large = write(tmp_path / name, SIDE, mode, turned)
    small = write(tmp_path / f"small{name}", 64, mode, turned)
    command = [sys.executable, "-c", READ, work, large, small]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) / SIDE**2 <= GOAL + 0.5  # bands weigh more in a picture of 4,000 than of 8,000 px


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "mode"), [("a.jpg", "RGB"), ("a.png", "RGB"), ("a.png", "RGBA"), ("a.jpg", "CMYK")]
)
@pytest.mark.parametrize("turned", [False, True])
def test_of_8_000_pixels_too(tmp_path: Path, name: str, mode: str, turned: bool):
    large = write(tmp_path / name, 8_000, mode, turned)
    small = write(tmp_path / f"small{name}", 64, mode, turned)
    for work in ("regions", "thumbnail"):
        command = [sys.executable, "-c", READ, work, large, small]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert int(done.stdout) / 8_000**2 <= GOAL
