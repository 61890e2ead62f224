"""The report: one page that opens from disk, made of Records and, where they are stored, predictions and truths.

writing.py     reads results folders, writes figures and the page          page.py     data into templates
boards.py      the tables of the page, each row with its Records           stored.py   arrays of those Records
grid.py        a table of text cells, as the templates show it             packed.py   arrays as short text
beside.py      bundles that lie in the page's folder
per_gene.py    scores of a row gene by gene                                patients.py scores patient by patient
sections/      what each part of the page says, as plain values
figures/       each figure twice: for the page (plotly) and as a file (matplotlib)
templates/     the page itself: markup, styles and scripts, all put into one file
"""

from stbench.reporting.report.writing import Written, write_report

__all__ = ["Written", "write_report"]
