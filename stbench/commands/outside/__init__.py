"""Predictions that were made elsewhere: their files, their scale, their place in a fold, and what they are made from.

reading    a file or folder of predictions to arrays, checked
scales     log, counts per million or counts to the target's scale
folders    which file holds which slide, for one seed
placing    a slide's predictions in the order of a fold's panel, with what is missing
manifest   what `stbench export` wrote down and `stbench score` compares
writing    a fold as files that need nothing of stbench to be read
"""
