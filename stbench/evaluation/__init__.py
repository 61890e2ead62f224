"""Who trains, who tests, what is run and what it scored.

design     what a run fixes: dataset, split, panel, encoder, bounds
contestant a method as it enters a run
folds      outer and inner folds, pure functions of slides, patients and a seed
inner_loop which inner folds an outer one has: pairs of blocks, or the literal loop
inner_trials, trial_keys   the unit of the inner loop, and what it is filed under
checkpoints    after which epochs an inner fit is judged; where stages of a training end
plan       the work of a run: inner trials, and refits with their Records' keys
freshness  whether that is still what the plan was made from
materials  a fold's panel, scaling, training and query slides, made from raw slides
fit_inputs what one trial is handed
trials     one fit in a process of its own that holds no truth
sealing    shutting a process in: what it may read, write and reach
validation, listening, curves  a slide that inner trials are judged on; hearing one; what it leaves
tuning     the inner loop's choice: which settings, how many epochs
runner     an inner trial -> its curves, a refit -> its Record; the runner writes nothing
agenda     what is left to do, and what can be done now
executors, workers  the same work in this process or in several
outcome    what a Record says besides its scores
judging    predictions for test slides -> scores
scoring    predictions and truth -> scores
ari_references  rows that are no predictions, clustered as predictions are
cost       seconds, memory, parameters, operations
threads    cores and threads that this process may use
shipped_data  data files inside a plugin's own folder
audit      proof that a test slide's expression does not reach its own predictions
"""
