"""A fitted method in one file: numbers, plain text and a checksum, nothing that could run.

tensor_file.py  arrays and one JSON document as bytes, and back: safetensors
model_card.py   what a model file says of itself: method, settings, panel, slides, what it scored
model_file.py   writing and reading a model file
scale.py        the scale at which a model looks at a slide
seen.py         whether a model may have seen a slide
"""
