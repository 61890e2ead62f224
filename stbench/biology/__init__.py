"""What predicted expression says of biology, beside what measured expression says: genes and gene sets by region.

differential   genes that differ between two regions: the rank-sum test by slide, combined over slides
agreement      how far two such lists agree, beside what chance gives
gene_sets      a GMT file
enrichment     gene sets among the genes of a list, with the panel as background

Conventions: expression is (spots, genes) ln(1 + counts per million); a list's arrays follow its genes.
"""
