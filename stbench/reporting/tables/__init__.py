"""Leaderboards: which Records make a row, which rows a table, and how tables are written.

grouping     Records of one table, of one row      rows, row, row_notes   a row's means and what must be known
leaderboard  tables of rows, ranked and tested     columns, side_blocks   what every format shows
labels       a name of its own for every row       floors                 skill and surplus over named floors
against_reference   tests by the three scores      across                 tests over several data sets
formats      CSV and JSON; all formats by name     markdown, typeset, terminal   Markdown; LaTeX, HTML; rich
published    what papers printed                   paired_view, paired_figure   two rows on the same slides
"""
