"""Loss terms of self-distilling methods, their targets, and the LSTM over depths, against plain formulas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from stbench.nn.array_neighbours import neighbours_within
from stbench.nn.count_losses import zero_inflated_negative_binomial
from stbench.nn.depth_fusion import DepthFusion
from stbench.nn.distilled_heads import LossTerms, SpotHeads, training_targets
from stbench.nn.distilled_slides import distillation_notes, distilled_slide
from stbench.slide import TrainingSlide


def training_slide(counts) -> TrainingSlide:
    n, genes = 6, 3
    array = np.stack(np.divmod(np.arange(n), 3), axis=1)
    return TrainingSlide(
        id="A",
        group="A",
        platform="ST",
        pixel_xy=array * 10.0,
        array_row_column=array,
        expression=np.arange(n * genes, dtype=np.float64).reshape(n, genes),
        panel_counts=counts,
        totals=np.full(n, 100),
        size_factors=np.ones(n),
        patches={8: np.zeros((n, 8, 8, 3), dtype=np.uint8)},
    )


COUNTS = np.arange(18).reshape(6, 3)


def test_size_factors_are_panel_totals_over_their_median():
    truth = training_targets(training_slide(COUNTS))
    totals = COUNTS.sum(1)
    np.testing.assert_allclose(truth.size_factors, totals / np.median(totals), rtol=1e-6)
    assert truth.expression.dtype == truth.counts.dtype == torch.float32


def test_a_slide_mostly_without_counts_takes_the_median_of_the_others_and_one_without_any_has_none():
    few = COUNTS.copy()
    few[:4] = 0
    np.testing.assert_allclose(training_targets(training_slide(few)).size_factors[4:], few[4:].sum(1) / 43.5)
    for nothing in (None, COUNTS * 0):
        truth = training_targets(training_slide(nothing))
        assert truth.counts is None and truth.size_factors is None


def test_the_terms_are_those_of_the_plain_pass_and_the_weighted_copies():
    torch.manual_seed(0)
    heads, features = SpotHeads(4, 3, counts=True, distillation=True), torch.randn(3, 6, 4)
    truth = training_targets(training_slide(COUNTS))
    terms = heads.loss_terms(features, truth)
    predictions, logits = heads(features), heads.logit(features)[..., 0]
    ensemble = torch.zeros(6, 3)
    for i in range(6):
        weights = np.exp(logits[1:, i].detach().numpy())
        for k, weight in enumerate(weights / weights.sum()):
            ensemble[i] += weight * predictions[1 + k, i]
    assert terms.expression.item() == pytest.approx(F.mse_loss(predictions[0], truth.expression).item())
    assert terms.distillation.item() == pytest.approx(F.mse_loss(ensemble, predictions[0]).item(), rel=1e-4)
    counts = zero_inflated_negative_binomial(truth.counts, truth.size_factors, heads.counts(features[0]))
    assert terms.counts.item() == pytest.approx(counts.item())
    assert terms.weighted(0.25, 0.5).item() == pytest.approx(
        terms.expression.item() + 0.25 * terms.counts.item() + 0.5 * terms.distillation.item()
    )


def test_gradients_flow_into_the_copies_and_the_plain_prediction():
    heads = SpotHeads(4, 3, counts=False, distillation=True)
    features = torch.randn(3, 6, 4, requires_grad=True)
    heads.loss_terms(features, training_targets(training_slide(None))).distillation.backward()
    assert (features.grad.abs().sum((1, 2)) > 0).all()
    assert all(parameter.grad is not None for parameter in heads.logit.parameters())


def test_terms_that_are_off_are_zero():
    heads, truth = SpotHeads(4, 3, counts=False, distillation=False), training_targets(training_slide(COUNTS))
    terms = heads.loss_terms(torch.randn(1, 6, 4), truth)
    assert isinstance(terms, LossTerms) and terms.counts == 0 and terms.distillation == 0


def slide_of(most_spots: int, copies: int = 5, recomputed_above: int = 100, counts=COUNTS):
    """A slide of 6 spots, ready for training."""
    return distilled_slide(training_slide(counts), 8, copies, recomputed_above, most_spots)


def test_copies_are_as_many_as_fit_but_one():
    assert [slide_of(most).copies for most in (100, 36, 35, 18, 6)] == [5, 5, 4, 2, 1]
    assert slide_of(6, copies=0).copies == 0


def test_activations_are_computed_twice_above_so_many_spots_in_the_passes_that_fit():
    assert not slide_of(100, recomputed_above=36).recompute and slide_of(100, recomputed_above=35).recompute
    assert not slide_of(18, recomputed_above=18).recompute, "two copies are left"
    assert not slide_of(100, copies=0, recomputed_above=6).recompute


def test_notes_say_what_a_fit_could_not_do_as_asked():
    assert distillation_notes([slide_of(100)], copies=5, zinb_weight=0.25) == []
    bare = slide_of(18, recomputed_above=17, counts=None)
    fewer, twice = "2 of 5 copies of A: 6 spots.", "Activations computed twice to save memory, on: A, A."
    assert distillation_notes([bare, bare], copies=5, zinb_weight=0.25) == [
        "No raw panel counts, hence no count likelihood, on: A, A.",
        fewer,
        fewer,
        twice,
    ]
    assert distillation_notes([bare, slide_of(100)], copies=2, zinb_weight=0) == [twice.replace(", A", "")]
    assert distillation_notes([slide_of(100, copies=0)], copies=0, zinb_weight=0.25) == [
        "No augmented copies, hence no self-distillation."
    ]


def test_the_fusion_is_the_mean_of_an_lstm_that_each_spot_runs_through_alone():
    torch.manual_seed(0)
    fusion, depths = DepthFusion(4, layers=2), torch.randn(3, 2, 5, 4)
    found = fusion(*depths)
    for b, i in np.ndindex(2, 5):
        alone, _ = fusion.lstm(depths[:, b, i])
        torch.testing.assert_close(found[b, i], alone.mean(0))


def test_neighbours_are_nearest_in_array_units_and_those_within_the_radius_are_known():
    slide = training_slide(None)  # two rows of three spots
    index, within = neighbours_within(slide, 3, 1.0)
    assert index[0].tolist() == [1, 3, 4] and within[0].tolist() == [True, True, False]
    assert neighbours_within(slide, 8, None)[1].all() and neighbours_within(slide, 8, 2.0)[0].shape == (6, 5)
    stretched = replace(slide, pixel_xy=slide.pixel_xy * [100, 1])
    np.testing.assert_array_equal(neighbours_within(stretched, 3, 1.0)[0], index)
