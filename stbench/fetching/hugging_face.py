"""Files of a dataset repository on the Hugging Face hub at one commit, through huggingface_hub.

The token is the user's own (HF_TOKEN, or the hub's login), a file that lies in the hub's own cache is copied from
there, and a transfer that breaks off is gone on with; whether the next command can go on from there too is up to
huggingface_hub and its version. Its checksums are the hub's, and what arrives is held against them as any provider's.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stbench.errors import DatasetError
from stbench.names import cleaned

from .addresses import address_of, below, cause, shown
from .checksums import Checksums
from .listener import FetchListener
from .remote_file import RemoteFile
from .web import refused, unreachable

# Below a dataset's folder: files on their way, in huggingface_hub's own order.
_ARRIVING = ".arriving"


@dataclass(frozen=True)
class HubFile(RemoteFile):
    """A file of a dataset repository, `owner/name`, at a commit; its name is its path in the repository."""

    repository: str = ""
    commit: str = ""


def hub_files(repository: str, names: Sequence[str], folder: Path, revision: str = "main") -> list[HubFile]:
    """The files of `owner/name` by their paths, pinned to one commit, in the order of `names`.

    folder    where the files go: a copy that was begun there keeps to the commit that it was begun with
    revision  commit, tag or branch that a new copy is begun with
    Raises DatasetError where the repository is gated or cannot be read, or a file is not in it.
    """
    from huggingface_hub import HfApi

    hub = HfApi(endpoint=address_of("hub"))
    with _failures(f"{repository} at {revision}", repository):
        begun = begun_with(folder, repository)
        commit = begun or str(hub.dataset_info(repository, revision=revision).sha)
        # Asked for by name, so that no list is followed from page to page.
        found = hub.get_paths_info(repository, list(names), revision=commit, repo_type="dataset")
    by_path = {entry.path: entry for entry in found if hasattr(entry, "size")}
    for name in names:
        if name not in by_path:
            raise DatasetError(
                f"{repository} has no file {name} at commit {commit[:10]}; see {_page(repository)}."
            )
    return [_file(repository, commit, by_path[name]) for name in names]


def begun_with(folder: Path, repository: str) -> str | None:
    """The commit that the files of the repository in `folder` are of, None where there are none."""
    begins = re.escape(f"/datasets/{repository}/resolve/")
    for entry in Checksums(folder).entries.values():
        if found := re.search(begins + "([0-9a-f]{40})/", entry.url):
            return found[1]
    return None


def _file(repository: str, commit: str, entry: Any) -> HubFile:
    """A file as the hub describes it: large ones have a SHA-256, small ones only a size."""
    return HubFile(
        name=entry.path,
        url=below(address_of("hub"), f"datasets/{repository}/resolve/{commit}/{quote(entry.path)}"),
        size=entry.size,
        sha256=entry.lfs["sha256"] if entry.lfs else None,
        page=_page(repository),
        repository=repository,
        commit=commit,
    )


def _page(repository: str) -> str:
    return shown(below(address_of("hub"), f"datasets/{repository}"))


def download(file: HubFile, folder: Path, listener: FetchListener) -> Path:
    """Bring the file to a place of its own below `folder`, whose path is returned; it is not verified here.

    Raises DatasetError where the hub refuses, cannot be reached, or the disk is full.
    """
    from huggingface_hub import hf_hub_download

    size = file.size
    listener.progressed(file, 0, size)
    with _failures(file.name, file.repository, file):
        path = hf_hub_download(
            file.repository,
            file.name,
            repo_type="dataset",
            revision=file.commit,
            local_dir=folder / _ARRIVING,
            endpoint=address_of("hub"),
            **_progress(hf_hub_download, file, listener),
        )
    return Path(path)


def forget_arrivals(folder: Path) -> None:
    """Remove what huggingface_hub keeps of files that have arrived; what broke off stays, to be gone on with."""
    place = folder / _ARRIVING
    if place.is_dir() and not any(place.rglob("*.incomplete")):
        shutil.rmtree(place, ignore_errors=True)


def _progress(call: Any, file: HubFile, listener: FetchListener) -> dict[str, Any]:
    """The argument that tells the listener how far a download is; older versions show a bar of their own instead."""
    if "tqdm_class" not in inspect.signature(call).parameters:
        return {}
    from tqdm import tqdm

    class Told(tqdm):
        """Shows nothing itself."""

        def __init__(self, *_: Any, initial: int = 0, **__: Any) -> None:
            self.done = initial
            super().__init__(disable=True)

        def update(self, n: float | None = 1) -> None:
            self.done += int(n or 0)
            listener.progressed(file, self.done, file.size)

    return {"tqdm_class": Told}


@contextlib.contextmanager
def _failures(what: str, repository: str, file: HubFile | None = None) -> Iterator[None]:
    """What huggingface_hub raises inside, of whatever version, as a sentence about `what`."""
    url = file.url if file else below(address_of("hub"), f"datasets/{repository}")
    try:
        yield
    except Exception as error:
        raise _sentence(what, repository, url, error) from cause(url, error)


def _sentence(what: str, repository: str, url: str, error: BaseException) -> DatasetError:
    """The sentence for an error of huggingface_hub, told by its type and by the hub's answer."""
    from huggingface_hub import utils

    if isinstance(error, utils.LocalEntryNotFoundError) and error.__cause__ is not None:
        return _sentence(what, repository, url, error.__cause__)
    page, status = _page(repository), getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, utils.OfflineModeIsEnabled):
        return DatasetError(
            f"{what} is not at hand and HF_HUB_OFFLINE forbids to fetch it; unset that variable."
        )
    if isinstance(error, utils.GatedRepoError) or status in (401, 403):
        return DatasetError(
            f"{what} needs the provider's permission (HTTP {status or 403} for {shown(url)}): log in and ask for "
            f"access at {page}, then run `hf auth login` or set HF_TOKEN to a token of that account, and fetch again."
        )
    if status is not None:
        return refused(what, url, status, page)
    if _is_of_the_network(error):
        return unreachable(what, url, error)
    if isinstance(error, OSError) and error.errno is not None:
        return DatasetError(f"{what} cannot be written: {error.strerror}; what has arrived is kept.")
    words = shown(cleaned(str(error), 200))
    return DatasetError(
        f"{what} could not be fetched ({type(error).__name__}: {words}); run the same command again, or see {page}."
    )


def _is_of_the_network(error: BaseException) -> bool:
    """Whether no answer came: an error of requests or of httpx, whichever this version of huggingface_hub uses."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"TransportError", "RequestException", "ConnectionError", "Timeout"})
