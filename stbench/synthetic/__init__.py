"""Synthetic tissue: generated slides for demonstrations and checks. Nothing here is biology.

fields.py      smooth random fields, the raw material of shapes and textures
tissue.py      where tumour, stroma, immune aggregates and fat lie
nuclei.py      where the nuclei lie
painting.py    the H&E image of tissue and nuclei
expression.py  gene programmes, and counts drawn from them
section.py     one slide: tissue, image, spots, counts
dataset.py     SyntheticDataset: slides written to a folder once, read like any other
scramble.py    counts replaced by noise, for the audit
"""
