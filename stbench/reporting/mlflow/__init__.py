"""The bridge to MLflow, which is where people look; the store on disk stays the truth.

tracking   logs Records row by row, tables, a report, kept models     pace      not more often than a person looks
logged     what a server has already                                  runs      finding, making and completing runs
entries    names, parameters and numbers of a run                     database  the one beside the results
curves     losses and inner scores by step                            inputs    which slides a run read
artifacts, maps, tables   the files that go with a run                kept_model   what `stbench fit` wrote
quiet      MLflow without chatter or long waits
"""
