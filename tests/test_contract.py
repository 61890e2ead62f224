"""Hyperparameters come from the signature, cards refuse what they do not know, datasets are found or named."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from stbench.contract import (
    Dataset,
    DatasetCard,
    FitContext,
    FitReport,
    Method,
    MethodCard,
    Needs,
    SlideSource,
)
from stbench.errors import DatasetError, UnknownName, UsageError
from stbench.slide import QuerySlide


class Constant(Method):
    """Predicts `level` for two genes."""

    def __init__(self, level: float = 1.0, sizes: tuple[int, ...] = (1, 2)) -> None:
        self.level = level
        self.sizes = sizes

    def fit(self, train, queries=(), checkpoints=(), context=FitContext()):  # noqa: B008
        return self.report_without_epochs(queries, context)

    def predict(self, slide):
        return np.full((slide.n_spots, 2), self.level)


class Bare(Constant):
    """A method without hyperparameters of its own."""

    __init__ = object.__init__


def _query(name: str, n: int = 3) -> QuerySlide:
    return QuerySlide(name, "ST", np.zeros((n, 2)), np.zeros((n, 2)))


def test_hyperparameters_are_the_signatures():
    assert Constant.defaults() == {"level": 1.0, "sizes": (1, 2)}
    assert Constant(2.0).settings() == {"level": 2.0, "sizes": (1, 2)}
    assert Bare.defaults() == Bare().settings() == {}


def test_a_clone_is_unfitted_changed_and_shares_nothing():
    original = Constant(sizes=[1])  # type: ignore[arg-type]
    clone = original.clone(level=3.0)
    clone.sizes.append(2)
    assert (original.level, original.sizes, clone.level) == (1.0, [1], 3.0)
    assert type(clone) is Constant
    assert pickle.loads(pickle.dumps(clone)).settings() == clone.settings()


class Learner(Constant):
    """Learns the training slides' names, and refuses a level below 0."""

    def __init__(self, level: float = 1.0, sizes: tuple[int, ...] = (1, 2)) -> None:
        if level < 0:
            raise UsageError("level must be 0 or more")
        super().__init__(level, sizes)

    def fit(self, train, queries=(), checkpoints=(), context=FitContext()):  # noqa: B008
        self.learned = [slide.id for slide in train]
        return self.report_without_epochs(queries, context)


def test_a_copy_with_other_settings_shares_what_was_learned_and_leaves_the_original_alone():
    query, method, meanwhile = _query("q"), Learner(), list[float]()

    def sweep(checkpoint, predictions):
        meanwhile.append(method.with_settings(level=4.0).predict(query)[0, 0])

    method.fit([_query("a"), _query("b")], [query], (), FitContext(hand_over=sweep))
    copied = method.with_settings(level=3.0)
    assert type(copied) is Learner and copied.learned is method.learned and copied.learned == ["a", "b"]
    assert copied.settings() == {"level": 3.0, "sizes": (1, 2)} and (copied.predict(query) == 3).all()
    assert method.settings() == Learner().settings() and (method.predict(query) == 1).all()
    assert meanwhile == [4.0] and method.with_settings().settings() == method.settings()


def test_a_copy_refuses_what_the_signature_and_init_refuse():
    with pytest.raises(UnknownName, match=r"setting of .*levl.*Did you mean level"):
        Learner().with_settings(levl=3.0)
    with pytest.raises(UsageError, match="0 or more"):
        Learner().with_settings(level=-1.0)


def test_an_unknown_setting_names_the_near_ones_and_the_method():
    Constant.check_settings({"level": 1})
    with pytest.raises(UnknownName, match=r"setting of .*levl.*Did you mean level"):
        Constant.check_settings({"levl": 1})
    with pytest.raises(UnknownName, match="There are none"):
        Bare.check_settings({"level": 1})


def test_a_method_in_a_module_of_its_own_names_that_module(monkeypatch):
    monkeypatch.setattr(Constant, "__module__", "lonely_method")
    with pytest.raises(UnknownName, match="setting of lonely-method"):
        Constant.check_settings({"levl": 1})
    monkeypatch.setattr(Constant, "__module__", "stbench.methods.depth_smooth.method")
    with pytest.raises(UnknownName, match="setting of depth-smooth"):
        Constant.check_settings({"levl": 1})


def test_a_method_without_epochs_hands_its_predictions_over_once_and_hears_nothing():
    handed: list = []
    context = FitContext(hand_over=lambda *found: handed.append(found))
    assert Constant(2.0).fit([], [_query("a"), _query("b", 2)], (1, 2), context) == FitReport()
    ((checkpoint, predictions),) = handed
    assert checkpoint == 0 and [prediction.tolist() for prediction in predictions] == [
        [[2.0] * 2] * 3,
        [[2.0] * 2] * 2,
    ]
    assert Constant().fit([], (), (), context) == Constant().fit([], [_query("a")]) == FitReport()
    assert len(handed) == 1


def test_unpickled_names_keep_their_suggestions():
    error = UnknownName("method", "rigde", ["ridge"])
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) and "ridge" in str(error)


METHOD = {"title": "T", "summary": "S", "family": "F"}
DATASET = {
    "title": "T", "summary": "S", "citation": "C", "licence": "L", "platform": "ST", "n_slides": 2, "n_patients": 1,
}  # fmt: skip


def test_a_card_has_defaults_and_refuses_mistyped_keys():
    card = MethodCard(**METHOD)
    assert (card.kind, card.grid, card.trains_on, card.needs) == ("method", ({},), None, Needs())
    for wrong in (
        {"titel": "x"},
        {"needs": {"embedings": True}},
        {"kind": "rival"},
        {"trains_on": "cpm"},
        {"grid": [{"penalty": 1.0}]},
        {"grid": []},
        {"grid": [{}] + [{"penalty": float(i)} for i in range(4)]},
        {"needs": {"patches": [0]}},
        {"needs": {"products": ["gram"]}},
        {"needs": {"embeddings": True, "products": ["grams"]}},
        {"needs": {"min_train_slides": 0}},
    ):
        with pytest.raises(ValidationError):
            MethodCard(**METHOD, **wrong)


def test_settings_at_prediction_stand_in_one_of_the_grids():
    grids = {"grid": [{}, {"penalty": 1.0}], "full_grid": {"neighbours": [8, 16]}}
    assert MethodCard(**METHOD).at_prediction == ()
    assert MethodCard(**METHOD, **grids, at_prediction=["penalty", "neighbours"]).at_prediction == (
        "penalty",
        "neighbours",
    )
    with pytest.raises(ValidationError, match="at_prediction names width, which is in neither grid"):
        MethodCard(**METHOD, **grids, at_prediction=["penalty", "width"])


def test_a_dataset_card_refuses_bounds_that_forbid_everything():
    assert DatasetCard(**DATASET).unlabelled == ("undetermined",)
    for wrong in ({"max_epochs": 0}, {"max_settings": 0}, {"alias": ["x"]}):
        with pytest.raises(ValidationError):
            DatasetCard(**DATASET, **wrong)


def test_a_label_that_counts_as_tumour_is_a_label():
    assert DatasetCard(**DATASET, tumour_labels=["cancer"]).tumour_labels == ("cancer",)
    for wrong, said in (("undetermined", "which unlabelled says is no label"), ("", "an empty label")):
        with pytest.raises(ValidationError, match=said):
            DatasetCard(**DATASET, tumour_labels=["cancer", wrong])


class Folder(Dataset):
    folders = ("provider",)

    def slides(self, root: Path) -> list[SlideSource]:
        return []

    def fetch(self, root: Path) -> None:
        pass


@pytest.mark.parametrize("place", [".", "mine", "provider"])
def test_a_dataset_is_found_at_the_root_or_under_its_names(tmp_path, place):
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / place / "marker").touch()
    found = Folder().locate(tmp_path, "mine", lambda folder: (folder / "marker").is_file())
    assert found.resolve() == (tmp_path / place).resolve()


def test_a_dataset_that_is_not_there_names_places_and_command(tmp_path):
    with pytest.raises(DatasetError) as error:
        Folder().locate(tmp_path, "mine", lambda folder: False)
    for words in (str(tmp_path / "provider"), "stbench datasets fetch mine", "STBENCH_DATA"):
        assert words in str(error.value)


def test_a_dataset_without_a_scrambled_copy_says_so(tmp_path):
    with pytest.raises(DatasetError, match="copy_scrambled"):
        Folder().copy_scrambled(tmp_path, "S1", tmp_path / "to", 0)
