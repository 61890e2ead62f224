"""Who trains, who tests, what is run and what it scored.

design     what a run fixes: dataset, split, panel, encoder, bounds
folds      outer and inner folds, pure functions of slides, patients and a seed
materials  a fold's panel, scaling, training and query slides, made from raw slides
plan       the jobs of a run, each with its key
tuning     the inner loop: which settings, how many epochs
fit_inputs what one fit is handed
runner     one job -> one Record; the runner writes nothing
executors  the same jobs in this process or in several
sealing    shutting a process in: what it may read, write and reach
outcome    what a Record says besides its scores
judging    predictions for test slides -> scores
scoring    predictions and truth -> scores
cost       seconds, memory, parameters, operations
audit      proof that a test slide's expression does not reach its own predictions
"""
