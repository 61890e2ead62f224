"""How many workers a run has to have, before anything is known of its work."""

from __future__ import annotations

from stbench.commands.asked import Asked
from stbench.commands.expected import Expected
from stbench.commands.means import Means
from stbench.commands.preparing import prepare
from stbench.commands.where import expected_workers


def test_a_debuggers_run_is_one_process_however_much_there_is_to_do(tmp_path, shared_cache):
    """Hours of work would be dealt to worker processes, where no debugger steps."""
    prepared = prepare(Asked.of(methods=("mean",), dataset="demo-tiny"), tmp_path)
    hours = Expected({"trial": 36_000.0}, {}, 1.0)
    assert expected_workers(prepared, Means(in_process=True), hours) == 1
    assert expected_workers(prepared, Means(in_process=True, workers=2), hours) == 2
