"""The cluster file: its examples load, and what is wrong with one is said in a sentence before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from stbench.errors import StbenchError, UsageError
from stbench.evaluation.cluster.cluster_file import read_cluster_file
from stbench.evaluation.cluster.schedulers import check_scheduler, provider_of

EXAMPLES = sorted((Path(__file__).parents[2] / "stbench" / "commands" / "cluster_files").glob("*.yaml"))
SUBMITS = {"slurm": "#SBATCH", "pbs": "#PBS"}


def written(folder: Path, text: str) -> Path:
    file = folder / "cluster.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_every_example_loads_and_explains_its_keys(file: Path):
    cluster = read_cluster_file(file)
    assert cluster.workers_in_all > 1 and cluster.worker_init
    keys = [line for line in file.read_text().splitlines() if line[:1].isalpha()]
    assert sum("#" in line for line in keys) > len(keys) / 2
    if cluster.scheduler in SUBMITS:
        provider = provider_of(cluster, threads=1)
        assert provider.walltime == cluster.walltime and provider.max_blocks == cluster.jobs


def test_there_are_examples_for_slurm_with_gpus_pbs_and_kubernetes():
    read = [read_cluster_file(file) for file in EXAMPLES]
    assert {cluster.scheduler for cluster in read} == {"slurm", "pbs", "kubernetes"}
    assert any(cluster.scheduler == "slurm" and cluster.gpus for cluster in read)


def test_workers_share_the_gpus_of_a_job(tmp_path: Path):
    cluster = read_cluster_file(written(tmp_path, "scheduler: slurm\njobs: 3\ngpus: 2\nworkers_per_gpu: 2\n"))
    assert cluster.accelerators() == ["0", "0", "1", "1"] and cluster.workers_in_all == 12


def test_a_walltime_is_what_is_written(tmp_path: Path):
    """YAML itself takes 4:00:00 for the number 14400."""
    assert read_cluster_file(written(tmp_path, "scheduler: slurm\nwalltime: 4:00:00\n")).walltime == "4:00:00"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("scheduler: slurm\nwalltme: 01:00:00\n", "there is no key 'walltme'; did you mean walltime?"),
        ("scheduler: slurm\nzzz: 1\n", "there is no key 'zzz'; there are scheduler, jobs"),
        ("scheduler: slurn\n", "scheduler is 'slurn': input should be 'slurm', 'pbs'"),
        ("jobs: 3\n", "scheduler is missing"),
        ("scheduler: slurm\njobs: many\n", "jobs is 'many': input should be a valid integer"),
        ("scheduler: slurm\njobs: 0\n", "jobs is '0': input should be greater than or equal to 1"),
        ("scheduler: slurm\nwalltime: 90\n", "walltime '90' is not hours:minutes:seconds such as 04:00:00"),
        ("scheduler: slurm\ngpus: 1\nworkers: 4\n", "write workers_per_gpu instead"),
        ("scheduler: kubernetes\n", "kubernetes needs an image that holds stbench"),
        ("scheduler: [", "is no YAML"),
        ("slurm\n", "holds no keys"),
        ("", "holds no keys"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_sentence(tmp_path: Path, text: str, said: str):
    with pytest.raises(UsageError) as error:
        read_cluster_file(written(tmp_path, text))
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_cluster_file(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("scheduler", ["slurm", "pbs", "lsf", "sge"])
def test_a_scheduler_that_is_not_there_is_named(tmp_path: Path, monkeypatch, scheduler: str):
    monkeypatch.setenv("PATH", str(tmp_path))
    cluster = read_cluster_file(written(tmp_path, f"scheduler: {scheduler}\n"))
    with pytest.raises(StbenchError, match=f"asks for {scheduler}, and this machine has no"):
        check_scheduler(cluster)
