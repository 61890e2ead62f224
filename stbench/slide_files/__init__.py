"""Readers for the files that providers of spatial transcriptomics publish: pieces of a slide, joined by spot id.

text              files as text: gzipped or not, in any usual encoding
tables            the one reader of tables as text, whoever wrote them
missing_words     the words that tables write where they know nothing
parts             the three pieces: counts, positions, labels
joining           the pieces and an image become a Slide
count_tables      ST: spots x genes as text
spot_tables       ST: positions and labels as text; labels by barcode
feature_matrices  10x Genomics: HDF5 (both layouts) and MEX folders
tissue_positions  Space Ranger: where the spots lie (versions 1 and 2, Parquet)
space_ranger      an output folder of Space Ranger
anndata_files     .h5ad in scanpy's Visium convention: counts, positions and library in anndata_*
lattice           rows and columns of an array told from the spots' places
hest              the layout of HEST-1k
pseudo_spots      molecules and cells counted in square bins; molecules makes a Slide of them
xenium_files, cosmx_files, spatialdata_files   who places molecules; molecule_folders tells them apart
aligned_images, store_images   the H&E picture beside molecules, and inside a store
full_images       which file of a folder is the full-resolution image
image_scale       the microns per pixel that an image file states
scale             what tells a slide's microns per pixel, in its order; whether slides agree
geometry          the platform that the spots' places are of
frames            spots that lie outside their image
visium_hd         the folders of its bins
images            size of an image, and whether its file is whole
image_cache       images that must be unpacked before they can be used
gene_names        kinds of gene names told apart; symbols that occur twice
published_slides, visium_slides   datasets that somebody published: a fixed list of slides
copying, noise_files   a dataset's files copied elsewhere, a slide's counts replaced by noise

Whatever is damaged, absent or contradictory is one DatasetError that names the file.
"""
