"""What `stbench predict` is made of.

query_slides.py   what SLIDE means: an image alone, one with a spot file, a folder of slides
products.py       embeddings and patches of a slide, region by region, in files that a trial is lent
familiar.py       whether a slide's scale and staining are those that the model knows
annotated.py      predictions as AnnData, laid out as scanpy and squidpy expect Visium
writing.py        .h5ad, .csv, .geojson and .zarr
"""
