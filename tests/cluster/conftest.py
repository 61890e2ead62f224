"""The one-node Slurm that the tests of this folder share."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import NoReturn

import pytest
from cluster.one_node_slurm import OneNodeSlurm, SlurmError, missing


def _not_here(reason: str) -> NoReturn:
    """Skip for want of a cluster, or fail where the tests must run."""
    if os.environ.get("STBENCH_CLUSTER_TESTS") == "required":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneNodeSlurm]:
    """A running Slurm of one node, whose jobs and daemons end with the session."""
    if reason := missing():
        _not_here(reason)
    with contextlib.ExitStack() as running:
        try:
            cluster = running.enter_context(OneNodeSlurm(tmp_path_factory.mktemp("slurm")))
        except SlurmError as error:
            _not_here(str(error))
        yield cluster
