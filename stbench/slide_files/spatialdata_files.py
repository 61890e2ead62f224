"""A SpatialData store (.zarr) with an H&E picture: its molecules, else its cells, become pseudo-spots.

The store says itself how its elements lie to each other. That its molecules' own units are microns, as the readers of
Xenium and MERSCOPE write them, is an assumption: a scale that is stated overrules it. Needs the extra `spatialdata`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from stbench.contract import ReadingOptions
from stbench.errors import DatasetError
from stbench.slide import Slide

from .image_scale import StatedScale
from .molecules import Batch, Cells, Molecules, OnPicture, is_gene, linear_scale, pseudo_spot_slide
from .parts import whole_counts
from .scale import OPTION
from .store_images import store_image

if TYPE_CHECKING:
    from spatialdata import SpatialData  # pyright: ignore[reportMissingImports]

_ROOTS = ("zarr.json", ".zgroup")
_READ = ("images", "points", "shapes", "tables")
_GENE_COLUMNS = ("feature_name", "gene", "target", "genes")


def is_spatialdata(folder: Path) -> bool:
    """Whether the folder is a SpatialData store."""
    return any((folder / name).is_file() for name in _ROOTS) and (folder / "images").is_dir()


def spatialdata_files(folder: Path) -> dict[str, Path]:
    """`store`, the file that says that the folder is one, and all files of its elements by their places in it."""
    root = next(folder / name for name in _ROOTS if (folder / name).is_file())
    files = [path for kind in _READ for path in sorted((folder / kind).rglob("*")) if path.is_file()]
    return {"store": root} | {path.relative_to(folder).as_posix(): path for path in files}


def read_spatialdata(
    slide: str,
    files: Mapping[str, Path],
    *,
    patient: str | None,
    platform: str | None = None,
    stated: StatedScale | None = None,
    reading: ReadingOptions,
) -> Slide:
    """The slide of pseudo-spots of `reading.bin_um`; DatasetError where the store is damaged, or holds too much."""
    folder = files["store"].parent
    if stated is None and reading.um_per_px is not None:
        stated = StatedScale(reading.um_per_px, OPTION)
    store = _opened(folder)
    name = _picture_name(store, folder)
    element, counted = _counted(store, folder)
    matrix = _between(store, element, store.images[name], folder)
    words = f"units of {folder.name}, taken as microns"
    scale = StatedScale(1 / linear_scale(matrix, folder), words)
    assumed = (
        () if stated else (f"{words}; --um-per-px, or um_per_px of slides.csv, states the picture's scale",)
    )
    image = store_image(store.images[name], folder / "images" / name)
    picture = OnPicture(image, matrix, scale, assumed).told(stated)
    told = {"patient": patient, "platform": platform or _platform(store), "reading": reading}
    return pseudo_spot_slide(slide, counted, picture, **told)


def _opened(folder: Path) -> SpatialData:
    try:
        import spatialdata  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise DatasetError(
            f"{folder} is a SpatialData store, which needs the extra spatialdata: pip install 'stbench[spatialdata]'."
        ) from error
    try:
        return spatialdata.read_zarr(folder, selection=_READ)
    except (
        Exception
    ) as error:  # spatialdata passes on whatever zarr, dask and pyarrow raise for a damaged store
        raise DatasetError(f"{folder} cannot be read as SpatialData ({error}); write it again.") from error


def _picture_name(store: SpatialData, folder: Path) -> str:
    """The one image of three or four colours, or the one of these that is called H&E."""
    from spatialdata.models import get_axes_names, get_channel_names  # pyright: ignore[reportMissingImports]

    coloured = [
        name
        for name, image in store.images.items()
        if get_axes_names(image) == ("c", "y", "x") and len(get_channel_names(image)) in (3, 4)
    ]
    named = [name for name in coloured if _is_histology(name)]
    for names in (named, coloured):
        if len(names) == 1:
            return names[0]
    found = ", ".join(store.images) or "no image"
    raise DatasetError(
        f"{folder} holds {found}: one image of three colours, called he_image where there are several, is needed."
    )


def _is_histology(name: str) -> bool:
    lower = name.lower().replace("&", "")
    return (
        lower in ("he", "hne")
        or lower.startswith("he_")
        or lower.endswith(("_he", "_hne"))
        or "he_image" in lower
    )


def _counted(store: SpatialData, folder: Path) -> tuple[Any, Molecules | Cells]:
    """The element that is placed, with its molecules or cells; DatasetError where there is none, or more than one."""
    if len(store.points) == 1:
        ((name, points),) = store.points.items()
        return points, _molecules(points, folder / "points" / name)
    if len(store.points) > 1:
        raise DatasetError(
            f"{folder} holds several sets of molecules: {', '.join(store.points)}; keep one section's."
        )
    annotated = [(name, table) for name, table in store.tables.items() if _region(table) in store.shapes]
    if len(annotated) != 1:
        raise DatasetError(
            f"{folder} holds neither molecules (points) nor one table of cells with their shapes."
        )
    ((name, table),) = annotated
    shapes = store.shapes[_region(table)]
    return shapes, _cells(shapes, table, folder / "tables" / name)


def _molecules(points: Any, place: Path) -> Molecules:
    about = points.attrs.get("spatialdata_attrs", {})
    column = next((c for c in (about.get("feature_key"), *_GENE_COLUMNS) if c in points.columns), None)
    if column is None:
        raise DatasetError(f"{place} names no gene: it has the columns {', '.join(points.columns)}.")
    names: set[str] = set()
    for part in points.partitions:
        names.update(filter(is_gene, part[column].compute().dropna().astype(str).unique()))
    genes = tuple(sorted(names))
    return Molecules(place, genes, partial(_located, points, column, genes))


def _located(points: Any, column: str, genes: tuple[str, ...]) -> Iterator[Batch]:
    import pandas as pd

    known = pd.Index(genes)
    for part in points.partitions:
        table = part[["x", "y", column]].compute()
        codes = known.get_indexer(pd.Index(table[column].astype(str)))
        yield table[["x", "y"]].to_numpy(dtype=float)[codes >= 0], codes[codes >= 0]


def _region(table: Any) -> str:
    """The element that a table's rows are of, "" where they are of several."""
    region = table.uns.get("spatialdata_attrs", {}).get("region", "")
    region = [region] if isinstance(region, str) else list(region)
    return region[0] if len(region) == 1 else ""


def _cells(shapes: Any, table: Any, place: Path) -> Cells:
    """Cells at the middle of their shapes; the shapes' own index names them."""
    names = table.obs[table.uns["spatialdata_attrs"]["instance_key"]]
    rows = shapes.index.get_indexer(names)
    if (rows < 0).any():
        raise DatasetError(
            f"{place}: {int((rows < 0).sum())} of {len(rows)} cells have no shape in the store."
        )
    middle = shapes.geometry.centroid.iloc[rows]
    wanted = np.array([is_gene(gene) for gene in table.var_names], dtype=bool)
    counts = whole_counts(sparse.csr_matrix(table.X), place)[:, np.flatnonzero(wanted)]
    genes = tuple(map(str, table.var_names[wanted]))
    return Cells(place, genes, np.stack([middle.x, middle.y], axis=1), sparse.csr_matrix(counts))


def _between(store: SpatialData, element: Any, image: Any, folder: Path) -> np.ndarray:
    """(3, 3) matrix from an element's own units to pixels of the image, through what both have in common."""
    from spatialdata.transformations import get_transformation, get_transformation_between_coordinate_systems  # pyright: ignore[reportMissingImports]

    axes = ("x", "y")
    try:
        ways = (get_transformation(one, get_all=True) for one in (element, image))
        common = sorted(set.intersection(*map(set, ways)), key=lambda name: (name != "global", name))
        found = get_transformation_between_coordinate_systems(store, element, image, common[0])
        return np.asarray(found.to_affine_matrix(axes, axes), dtype=float)
    except Exception as error:  # networkx's and numpy's own, where there is no way or no inverse
        raise DatasetError(
            f"{folder} does not say how its molecules lie on its picture ({error})."
        ) from error


def _platform(store: SpatialData) -> str:
    """The platform whose reader wrote the store, where it says so."""
    reader = str(store.attrs.get("spatialdata_io_reader", "")).lower()
    return {"xenium": "Xenium", "cosmx": "CosMx", "merscope": "MERSCOPE"}.get(reader, "in situ")
