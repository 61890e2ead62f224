"""The image encoder: a vision transformer of eight blocks over patches of 32 pixels, not pretrained."""

from __future__ import annotations

from functools import partial

from timm.models.vision_transformer import VisionTransformer
from torch import nn

PIXELS, TOKEN_PIXELS = 224, 32


def image_encoder(width: int, depth: int, heads: int) -> VisionTransformer:
    """(B, 3, 224, 224) images -> `forward_features` (B, 50, width): class token and 7 x 7 tokens, normalised.

    Pre-norm blocks with four-fold MLPs, learned positions, no dropout and no classifier. Linear weights start as
    truncated normal draws with standard deviation 0.01, the class token and positions with 0.02, the patch
    convolution by Kaiming (fan out).
    """
    encoder = VisionTransformer(
        img_size=PIXELS,
        patch_size=TOKEN_PIXELS,
        embed_dim=width,
        depth=depth,
        num_heads=heads,
        num_classes=0,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        weight_init="skip",
    )
    encoder.apply(_initialise)
    for learned in (encoder.cls_token, encoder.pos_embed):
        assert learned is not None, "this encoder has a class token and positions"
        nn.init.trunc_normal_(learned, std=0.02)
    return encoder


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.01)
    elif isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)
