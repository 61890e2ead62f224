"""Bringing a dataset to disk: whose it is, what is to come, and the transfer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stbench import registry
from stbench.commands import choosing
from stbench.commands.by_hand import is_by_hand, steps
from stbench.contract import Dataset, DatasetCard
from stbench.errors import DatasetError, UsageError
from stbench.fetching import FetchListener, Plan, RemoteFile, plan_fetch
from stbench.files import make_folder

__all__ = ["FetchListener", "Plan", "RemoteFile", "Wanted", "find"]


@dataclass(frozen=True)
class Wanted:
    """A dataset that somebody wants on disk, and the data root for it, which need not exist yet."""

    name: str
    card: DatasetCard
    dataset: Dataset
    root: Path

    @property
    def downloads(self) -> bool:
        """Whether files come from a provider; a generated dataset and one's own folder have none."""
        return not (self.card.generated or self.card.own_folder)

    def plan(self) -> Plan:
        """What is there and what is to come; UsageError for a dataset that downloads nothing."""
        if self.card.generated:
            raise UsageError(
                f"{self.name} is generated on this machine when first used; it downloads nothing."
            )
        home = self.dataset.home(self.root)
        return plan_fetch(self.dataset.remote_files(home), home)

    @property
    def steps(self) -> list[str]:
        """What a person has to do, a line each, where only a person can get the files; else none."""
        if not is_by_hand(self.card.download):
            return []
        try:
            self.dataset.remote_files(self.dataset.home(self.root))
        except DatasetError as error:
            return steps(str(error))
        return []

    def fetch(self, listener: FetchListener | None = None) -> None:
        """Bring the files to disk, or say where to get them; what is there already is left alone."""
        folder = make_folder(self.root)
        self.dataset.fetch(folder, listener) if listener else self.dataset.fetch(folder)


def find(name: str, data_root: Path | None) -> Wanted:
    """The dataset of this name; UsageError where there is none."""
    plugin = registry.find("dataset", name)
    card = registry.dataset_card(plugin.name)
    # A data root that does not exist yet is made by the transfer.
    fresh = data_root is not None and not data_root.exists() and not card.own_folder
    root = data_root if fresh and data_root is not None else choosing.data_folder(name, data_root)
    return Wanted(plugin.name, card, registry.load_dataset(plugin.name)(), root)
