"""Who trains, who tests, what is run and what it scored.

design     what a run fixes: dataset, split, panel, encoder, bounds
folds      outer and inner folds, pure functions of slides, patients and a seed
materials  a fold's panel, scaling, training and query slides, made from raw slides
plan       the jobs of a run, each with its key
tuning     the inner loop: which settings, how many epochs
fit_inputs what one trial is handed
trials     one fit in a process of its own that holds no truth
runner     one job -> one Record; the runner writes nothing
executors  the same jobs in this process or in several
sealing    shutting a process in: what it may read, write and reach
outcome    what a Record says besides its scores
judging    predictions for test slides -> scores
scoring    predictions and truth -> scores
cost       seconds, memory, parameters, operations
threads    how many this process may use
shipped_data  data files inside a plugin's own folder
audit      proof that a test slide's expression does not reach its own predictions
"""
