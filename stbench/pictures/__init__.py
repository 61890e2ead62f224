"""Pictures of tissue, whatever file or array holds them: found usable, opened, read by region as 8-bit RGB.

Pixels are those of the picture as it is displayed: tags that turn or mirror it are obeyed, and positions refer to that.

suffixes, kinds   which file names are pictures, and which library reads a file
pixels            one conversion to 8-bit RGB, for all formats and for arrays in memory
regions           an open picture, read by region
opening           the door: any file becomes an open picture, or says its size
pillow_files, tiff_files, tiff_colours, openslide_files   JPEG and PNG; TIFF and what its samples mean; the rest
wholeness         whether a JPEG or PNG was cut off
errors            what goes wrong, as sentences

Whatever is damaged, absent or no 8-bit colours is one DatasetError that names the file and what was found.
"""
