"""Trials as tasks of a cluster's jobs, by Parsl: what `--cluster FILE` turns on.

cluster_file.py   the file, typed
schedulers.py     the scheduler that a file names: whether it is there, and Parsl's provider for it
parsl_pool.py     Parsl's pool of workers: its heartbeats, and what it gives up on
on_node.py        what a worker on a compute node does: the embeddings of a slide, one trial
executor.py       hands an agenda's work to the pool, and takes it back where workers are lost
"""
