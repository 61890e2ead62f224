"""Readers for the files that providers of spatial transcriptomics publish: pieces of a slide, joined by spot id.

text              tables as text: gzipped or not, tabs or commas
parts             the three pieces: counts, positions, labels
joining           the pieces and an image become a Slide
count_tables      ST: spots x genes as text
spot_tables       ST: positions and labels as text; labels by barcode
feature_matrices  10x Genomics: HDF5 (both layouts) and MEX folders
tissue_positions  Space Ranger: where the spots lie (versions 1 and 2, Parquet)
space_ranger      an output folder of Space Ranger
anndata_files     .h5ad in scanpy's Visium convention
hest              the layout of HEST-1k
images            size and wholeness of JPEG, PNG and TIFF files
image_cache       images that must be unpacked before they can be used
gene_names        gene symbols that occur twice
published_slides, visium_slides   datasets that somebody published: a fixed list of slides
copying, noise_files   a dataset's files copied elsewhere, a slide's counts replaced by noise

Whatever is damaged, absent or contradictory is one DatasetError that names the file.
"""
