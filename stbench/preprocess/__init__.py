"""From a slide to what a method trains on: panels, scaling, patches, embeddings, neighbours, shared regressions.

Whatever is fitted here (a panel, a scaling) is fitted on the slides it is handed; the runner hands it the
training slides of one fold. Label-free products of the image (patches, embeddings) are cached on disk.
"""
