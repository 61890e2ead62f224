"""What each part of the page says: Records in, plain values and sentences out; nothing here draws.

leaderboard.py   the rows, sorted and filtered by the reader   slides.py       PCC slide by slide
correlations.py  three correlations beside their nulls         cost.py         accuracy against time and size
ranking.py       Friedman's test and mean ranks                comparisons.py  tests against the reference
genes.py         how well single genes are predicted           split_gap.py    slide split against patient split
tissue.py        slides as they are drawn                      choosing.py     which genes are drawn
advice.py        what may be concluded, in sentences           ablations.py    parts of a method changed
forest.py        scores with intervals and nulls  badges.py       what to know before any number
across.py        methods by data sets             row_commands.py the command that makes a row again
clusters.py      clusters beside the annotation                origin.py       versions, machines, settings
transfer.py      train-on by test-on, of released predictors   links.py   papers, code and data sets
enrichment.py    genes that tell two regions apart
known_patients.py  slides whose patient also trains beside those whose patient does not
curves.py        training losses and inner scores by epoch
"""
