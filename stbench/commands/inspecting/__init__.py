"""What a dataset's files hold: every slide read, compared with the card, its spots drawn over its image.

datasets   one report per slide, as they are read, and what concerns the dataset as a whole
findings   what differs from the card, and spots that lie where none should
images_used   which picture of a slide is used
published_patches   a provider's own patches against the image
pictures   a slide's thumbnail with the spots drawn on it
comparing  all slides against each other: genes, scales, duplicates, arrays turned over
fingerprints, profiles, orientation   what of a slide is kept for that
"""

from stbench.contract import ReadingOptions

from .datasets import SlideReport, Verdict, inspect_slides, judged_together

__all__ = ["ReadingOptions", "SlideReport", "Verdict", "inspect_slides", "judged_together"]
