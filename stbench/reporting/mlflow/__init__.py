"""The bridge to MLflow, which is where people look; the store on disk stays the truth.

tracking   logs Records, row by row                 pace       not more often than a person looks
logged     what a server has already                runs       finding, making and completing runs
entries    names, parameters and numbers of a run   artifacts, maps   the files that go with it
quiet      MLflow without chatter or long waits
"""
