"""Results on disk: what is believed when they are asked for again.

store        Records, and the predictions beside them        truth_files   what predictions are scored against
bundles      everything behind a table in one archive        merging       Records of several folders
gene_columns a slide's arrays by gene
"""
