"""What users call, one module a command; cli/ has a module of the same name that parses and shows.

run          methods on a dataset: run()                        dry_run      what a run will be before it starts
preparing    from what was asked to a prepared_run              listener     whoever hears how it goes
plan         a run written down, for many machines              work         doing what is left of stored plans
status       how far stored plans are                           asked, means what decides a run's results, what does not
pending      doing what a run lacks                             where, crew  where its fits run, by how many workers
cheaper      what a cheaper inner loop would cost               slide_sizes, expected    what a run will cost
leaderboard  tables of what was run: leaderboard()              compare      two methods on the same slides
report       the page                                           bundle       everything behind a table in one file
check        the contract checks for one plugin                 audit        the leakage audit by names
time         what methods cost, by stopwatch                    verify       stored predictions scored again
listing      the plugins and encoders there are; default_settings, measured_costs of a method
machine_load  whether the machine has other work                inspecting   a dataset's files compared with its card
datasets_fetch  bringing a dataset to disk                      cache        what the caches hold
doctor       what this machine has                              new_method   a folder for a new method
choosing     from names to things; known_names before that      sources      where Records come from
"""
