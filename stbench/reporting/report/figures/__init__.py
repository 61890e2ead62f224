"""Figures, each twice from the same section: `interactive` for the page (plotly), `printed` as a file (matplotlib).

look.py          colours and marks that people with any form of colour blindness can tell apart
correlations.py  three correlations beside their nulls     slides.py   PCC slide by slide
cost.py          accuracy against a price, with its front  ranks.py    critical-difference diagram
forest.py        scores with intervals and nulls           prices.py  all that each row costs
tissue.py        one gene on one slide, measured and predicted
files.py         PNG and SVG
"""
