"""Layers, losses and batches that more than one method is built from; nothing here knows a method, fold or file.

attention.py           pre-norm transformer blocks with fused attention
grid_embedding.py      learned embeddings of a spot's column and row on the array
projection.py          the projection head of the contrastive methods
contrastive_losses.py  soft-target and one-to-one alignment of two sets of embeddings
count_losses.py        (zero-inflated) negative binomial likelihoods, and the heads that feed them
patch_stream.py        batches of patches gathered from the slides' own arrays
spot_patches.py        patches of many slides as batches of pixels on the device
augmentation.py        symmetries, rotations and colours of patches, drawn from a generator
self_distillation.py   augmented copies of a slide and their learned ensemble
distilled_slides.py    slides trained on with such copies;  distilled_heads.py    the heads and loss terms
depth_fusion.py        an LSTM over the depths of a network
array_neighbours.py    nearest spots within a radius, in array units
determinism.py         arithmetic that repeats, and the operations that torch cannot repeat
checkpointing.py       stages whose activations are computed again on the way back
training_bank.py       training spots that a graph of exemplars may draw on
adjacency.py           neighbour lists as the links of graph layers
correlation_loss.py    Pearson's correlation as a loss
reference_bank.py      prediction by the profiles of the nearest training spots
pretrained.py          networks that start from ImageNet weights where these are at hand
streaming.py           long inputs through a network piece by piece
"""
