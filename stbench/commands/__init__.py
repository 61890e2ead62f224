"""What users call, one module a command; cli/ has a module of the same name that parses and shows.

run         run() and leaderboard(): methods on a dataset          choosing   from names to things
check       the contract checks for one plugin                     audit      the leakage audit by names
time        what methods cost, by stopwatch                         verify     stored predictions scored again
inspecting  what a dataset's files hold, compared with its card    doctor     what this machine has
new_method  a folder for a new method
"""
