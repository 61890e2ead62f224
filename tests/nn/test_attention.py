"""Transformer blocks against the textbook formula, their parameter counts, and its fused kernel."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from stbench.nn.attention import SelfAttention, TransformerBlock, transformer


def test_attention_is_the_textbook_formula():
    torch.manual_seed(0)
    attention = SelfAttention(width=12, heads=3, head_width=5).eval()
    tokens = torch.randn(7, 12)
    query, key, value = (tokens @ attention.to_qkv.weight.T).reshape(7, 3, 3, 5).permute(1, 2, 0, 3)
    weights = (query @ key.transpose(1, 2) / math.sqrt(5)).softmax(-1)
    joined = (weights @ value).permute(1, 0, 2).reshape(7, 15)
    torch.testing.assert_close(attention(tokens), attention.to_output(joined))


def test_attention_without_a_batch_dimension_equals_a_batch_of_one():
    torch.manual_seed(0)
    attention, tokens = SelfAttention(width=12, heads=3, head_width=5).eval(), torch.randn(7, 12)
    torch.testing.assert_close(attention(tokens), attention(tokens[None])[0])


class Shapes(TorchDispatchMode):
    """Keeps the shapes of whatever is computed."""

    def __init__(self):
        super().__init__()
        self.seen: list[tuple[int, ...]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.seen += [tuple(part.shape) for part in tree_leaves(result) if isinstance(part, torch.Tensor)]
        return result


@pytest.mark.parametrize("leading", [(), (1,), (2,), (2, 3)], ids=str)
def test_attention_runs_in_the_fused_kernel_which_holds_no_scores(leading):
    """Where the kernel cannot take its inputs, torch raises instead of falling back to a matrix of scores."""
    torch.manual_seed(0)
    attention, tokens = SelfAttention(width=12, heads=3, head_width=8), torch.randn(*leading, 7, 12)
    tokens.requires_grad_()
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION), Shapes() as shapes:
        fused = attention(tokens)
        fused.sum().backward()
    assert len(shapes.seen) > 5 and all(shape[-2:] != (7, 7) for shape in shapes.seen)
    assert tokens.grad is not None and tokens.grad.any()
    with sdpa_kernel(SDPBackend.MATH), Shapes() as shapes:
        torch.testing.assert_close(fused, attention(tokens))
    assert any(shape[-2:] == (7, 7) for shape in shapes.seen), "this kernel does hold them"


def test_a_block_adds_attention_then_feed_forward_to_its_input():
    torch.manual_seed(0)
    block = TransformerBlock(width=8, heads=2, head_width=4, hidden=16).eval()
    tokens = torch.randn(5, 8)
    between = tokens + block.attention(block.attention_norm(tokens))
    first, _, _, second, _ = block.feed_forward
    expected = between + second(F.gelu(first(block.feed_forward_norm(between))))
    torch.testing.assert_close(block(tokens), expected)


def test_sequences_of_a_batch_do_not_mix_and_spots_permute():
    torch.manual_seed(0)
    network = transformer(depth=2, width=8, heads=2, head_width=4, hidden=16).eval()
    tokens = torch.randn(3, 6, 8)
    together = network(tokens)
    torch.testing.assert_close(together[1], network(tokens[1]))
    order = torch.randperm(6)
    torch.testing.assert_close(network(tokens[:, order]), together[:, order])


@pytest.mark.parametrize(
    ("width", "hidden", "parameters"),
    [(1024, 2048, 8_396_800), (1024, 1024, 6_298_624), (1408, 2048, 11_544_832)],
)
def test_parameters_of_one_block_with_16_heads_of_64(width, hidden, parameters):
    with torch.device("meta"):
        block = TransformerBlock(width, heads=16, head_width=64, hidden=hidden, dropout=0.1)
    assert sum(p.numel() for p in block.parameters()) == parameters


def test_dropout_is_active_in_training_only():
    torch.manual_seed(0)
    block = TransformerBlock(width=8, heads=2, head_width=4, hidden=16, dropout=0.5)
    tokens = torch.randn(5, 8)
    assert not torch.equal(block(tokens), block(tokens))
    block.eval()
    assert torch.equal(block(tokens), block(tokens))
