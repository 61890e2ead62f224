"""Predictors that are not fitted here, as contestants: they predict test slides and are scored as all others.

predictor.py   what one is made of: a model file, or a plugin with weights of its own
products.py    embeddings and patches of a test slide, by the predictor's own encoder and at its own scale
conducting.py  one fold: predict in a sealed child, leave out the genes that it does not know, score
"""
