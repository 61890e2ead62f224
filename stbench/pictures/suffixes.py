"""Which file names are pictures: suffixes in any case of letters, and who reads what bears them."""

from __future__ import annotations

# Whole slides that are TIFFs: Aperio, Hamamatsu, Leica, Ventana, Akoya.
SLIDE_TIFFS = (".svs", ".ndpi", ".scn", ".bif", ".qptiff")
OME_TIFFS = (".ome.tif", ".ome.tiff", ".ome.btf")
TIFF_SUFFIXES = (".tif", ".tiff", ".btf", *SLIDE_TIFFS)
# Whole slides that only OpenSlide reads: MIRAX, Hamamatsu's older ones, Sakura, Zeiss.
OPENSLIDE_SUFFIXES = (".mrxs", ".vms", ".vmu", ".svslide", ".czi")
SUFFIXES = (".jpg", ".jpeg", ".png", *TIFF_SUFFIXES, *OPENSLIDE_SUFFIXES)


def image_suffix(name: str) -> str:
    """The suffix that makes a file name a picture's, in small letters, `.ome.tif` as one; "" for any other file."""
    lower = name.lower()
    known = (suffix for suffix in (*OME_TIFFS, *SUFFIXES) if lower.endswith(suffix) and lower != suffix)
    return next(known, "")


def image_stem(name: str) -> str:
    """A picture's file name without its suffix, as it is spelt."""
    return name[: len(name) - len(image_suffix(name))]


def is_whole_slide(name: str) -> bool:
    """Whether the suffix is one that only whole slides bear."""
    return image_suffix(name) in (*SLIDE_TIFFS, *OME_TIFFS, *OPENSLIDE_SUFFIXES)
