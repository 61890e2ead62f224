"""What a method and a dataset promise, and the cards that describe them.

A method is a class with `fit` and `predict`; a dataset is a class with `slides` and `fetch`. Each lives in a
folder with a `card.yaml`, whose typed form is MethodCard or DatasetCard: a mistyped key is an error.

fitting       what a fit is told, tells and leaves            method        Method, ReleasedMethod
sources       slides on disk, unread, and how to read them    dataset       Dataset
method_card   card.yaml of a method                           dataset_card  card.yaml of a dataset
"""

from stbench.contract.dataset import Dataset
from stbench.contract.dataset_card import DatasetCard, ExpectedSlide
from stbench.contract.fitting import (
    FitContext,
    FitReport,
    FittedState,
    HandOver,
    ParameterCount,
    TrainingState,
)
from stbench.contract.method import Method, ReleasedMethod
from stbench.contract.method_card import (
    Ablation,
    MethodCard,
    Needs,
    Pretraining,
    PublishedSteps,
    ReleasedCard,
    TrainingScale,
)
from stbench.contract.sources import (
    READ_AS_IS,
    PublishedPatches,
    ReadingOptions,
    SlideSource,
    UnmeasuredSlide,
)

__all__ = [
    "READ_AS_IS",
    "Ablation",
    "Dataset",
    "DatasetCard",
    "ExpectedSlide",
    "FitContext",
    "FitReport",
    "FittedState",
    "HandOver",
    "Method",
    "MethodCard",
    "Needs",
    "ParameterCount",
    "Pretraining",
    "PublishedPatches",
    "PublishedSteps",
    "ReadingOptions",
    "ReleasedCard",
    "ReleasedMethod",
    "SlideSource",
    "TrainingScale",
    "TrainingState",
    "UnmeasuredSlide",
]
