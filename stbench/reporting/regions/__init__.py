"""What annotated regions say of the rows of a leaderboard, from stored predictions and truths alone.

labels.py         which scored spots lie in which region
scored.py         a stored prediction as a metric takes it
within.py         the correlations inside each region, beside those over the whole slide
tumour_slides.py  the slides on which tumour can be told from the rest
probes.py         probes that were fitted on other slides
gene_sources.py   what two regions' genes are taken from, beside the rows
localising.py     where the tumour is: clusters and probes against the annotation
sheets.py         both as tables of text, for the terminal, files and the report
brief.py          both without untuned twins of floors
formats.py        both as Markdown, CSV and JSON
"""
