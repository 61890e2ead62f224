"""What a dataset's files hold: every slide read, compared with the card, its spots drawn over its image.

datasets   one report per slide, as they are read, and what concerns the dataset as a whole
findings   what differs from the card, and spots that lie where none should
published_patches   a provider's own patches against the image
pictures   a slide's thumbnail with the spots drawn on it
"""

from .datasets import SlideReport, inspect_slides, problems_of_dataset

__all__ = ["SlideReport", "inspect_slides", "problems_of_dataset"]
