"""A real Slurm of one node, this machine, that runs from a temporary folder and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil

START_SECONDS = 20
STOP_SECONDS = 10
# Debian keeps the daemons in sbin, which the PATH of an ordinary user lacks.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
PACKAGES = {
    "munged": "munge",
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sbatch": "slurm-client",
    "squeue": "slurm-client",
    "scancel": "slurm-client",
    "scontrol": "slurm-client",
    "sinfo": "slurm-client",
}
SETTINGS: dict[str, str | int] = {
    # No control groups: a container may not have them.
    "ProctrackType": "proctrack/linuxproc",
    "TaskPlugin": "task/none",
    "JobAcctGatherType": "jobacct_gather/none",
    "AccountingStorageType": "accounting_storage/none",
    "JobCompType": "jobcomp/none",
    "MpiDefault": "none",
    "SelectType": "select/cons_tres",
    "SelectTypeParameters": "CR_Core",
    # More cores than the machine has, so that several jobs run at once.
    "SlurmdParameters": "config_overrides",
    # A node that comes back takes jobs again, whatever it was down for.
    "ReturnToService": 2,
    "JobRequeue": 1,
    "SlurmdTimeout": 5,
    "KillWait": 2,
    "OverTimeLimit": 0,
    "InactiveLimit": 0,
    "MinJobAge": 300,
    "SchedulerParameters": "sched_interval=1,sched_min_interval=0,bf_interval=1,batch_sched_delay=0",
}


class Job(NamedTuple):
    """What the queue says of one job, for instance `RUNNING` or `CANCELLED`."""

    id: str
    state: str
    name: str


class SlurmError(RuntimeError):
    """A daemon did not start, or a command of Slurm was refused."""


def missing() -> str:
    """Nothing where every program is there, else one sentence that names the Debian packages."""
    absent = {package for program, package in PACKAGES.items() if not shutil.which(program, path=SEARCH_PATH)}
    if not absent:
        return ""
    return f"tests on a real Slurm need the Debian packages {', '.join(sorted(absent))}, which are not installed."


def wait_for(condition: Callable[[], bool], seconds: float, every: float = 0.1) -> bool:
    """Whether the condition came true within so many seconds."""
    deadline = time.monotonic() + seconds
    while not (fulfilled := condition()) and time.monotonic() < deadline:
        time.sleep(every)
    return fulfilled


class OneNodeSlurm:
    """Slurm with the partitions `short` and `other`; a context manager that ends all it started."""

    def __init__(self, folder: Path, *, cpus: int = 4, **settings: str | int) -> None:
        self.folder = folder.resolve()
        self.node = socket.gethostname().split(".")[0]
        self.environment = dict(os.environ, SLURM_CONF=f"{self.folder}/slurm.conf", PATH=SEARCH_PATH)
        self._ports = _free_ports(2)
        self._cpus = cpus
        self._settings = settings
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> OneNodeSlurm:
        try:
            self._write_files()
            self._start_munged()
            self._start("slurmctld", "-D")
            self._await("slurmctld", self._controller_listens)
            self.start_slurmd()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run(self, *command: str) -> str:
        """What a command of Slurm prints; a refusal raises with the command's own words."""
        try:
            done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=30)
        except subprocess.TimeoutExpired as error:
            raise SlurmError(f"{command[0]} did not answer within 30 seconds.") from error
        if done.returncode:
            raise SlurmError(f"{command[0]} was refused: {done.stderr.strip()}")
        return done.stdout.strip()

    def submit(self, script: str, *options: str) -> str:
        """Hand in a line of shell as a job and return the job's id."""
        # The redirection's default is the folder in which the tests run, where it would stay.
        output = f"--output={self.folder}/slurm-%j.out"
        return self.run("sbatch", "--parsable", output, *options, f"--wrap={script}")

    def jobs(self) -> list[Job]:
        """Every job that Slurm still remembers, those that ended within the last minutes among them."""
        lines = self.run("squeue", "--noheader", "--states=all", "--format=%i|%T|%j").splitlines()
        return [Job(*line.split("|", 2)) for line in lines]

    def state(self, job_id: str) -> str:
        """The state of one job, or nothing where Slurm does not remember it."""
        return next((job.state for job in self.jobs() if job.id == job_id), "")

    def node_state(self) -> str:
        """What Slurm says of its node, for instance `idle`, `mixed` or `down*`."""
        return self.run("sinfo", "--noheader", "--partition=short", "--format=%T")

    def cancel(self, job_id: str) -> None:
        """End a job as its owner or an administrator would."""
        self.run("scancel", job_id)

    def kill_slurmd(self) -> None:
        """Let the node's daemon die as in a crash; what its jobs started runs on."""
        daemon = self._daemons.pop("slurmd")
        daemon.kill()
        daemon.wait()

    def start_slurmd(self) -> None:
        """Start the node's daemon and wait until the node takes jobs."""
        self._start("slurmd", "-D")
        self._await("slurmd", lambda: self.node_state() in {"idle", "mixed", "allocated"})

    def stop(self) -> None:
        """Cancel all jobs, end the daemons, and kill what is left of either."""
        if "slurmd" in self._daemons and not self._ended():
            with contextlib.suppress(SlurmError):
                self.run("scancel", f"--user={_user()}")
                wait_for(lambda: not self.run("squeue", "--noheader"), STOP_SECONDS)
        for name in ("slurmd", "slurmctld", "munged"):
            if daemon := self._daemons.pop(name, None):
                daemon.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    daemon.wait(STOP_SECONDS)
                daemon.kill()
                daemon.wait()
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def processes(self) -> list[psutil.Process]:
        """Every process of this Slurm: its daemons, its jobs, and their children."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                configured = process.environ().get("SLURM_CONF") == self.environment["SLURM_CONF"]
                # Slurm's own process above each job clears its environment, but stays in the folder.
                if (configured or process.cwd() == str(self.folder)) and process.pid != os.getpid():
                    found.append(process)
        return found

    def _start(self, name: str, *arguments: str) -> None:
        program = shutil.which(name, path=SEARCH_PATH)
        if program is None:
            raise SlurmError(missing())
        with self._log(name).open("ab") as log:
            self._daemons[name] = subprocess.Popen(
                [program, *arguments],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # an interrupt at the keyboard would end them before the jobs
            )

    def _start_munged(self) -> None:
        files = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munged.pid"}
        files |= {"seed-file": "munged.seed"}
        paths = [f"--{option}={self.folder / name}" for option, name in files.items()]
        # Without --force it refuses a folder below one that others may write to, such as /tmp.
        self._start("munged", "--foreground", "--force", *paths)
        self._await("munged", (self.folder / "munge.socket").exists)

    def _await(self, name: str, ready: Callable[[], bool]) -> None:
        def settled() -> bool:
            with contextlib.suppress(SlurmError):  # the controller does not answer at once
                return bool(self._ended()) or ready()
            return False

        settled_in_time = wait_for(settled, START_SECONDS)
        if self._ended() or not settled_in_time:
            name = self._ended() or name
            log = self._log(name).read_text(errors="replace").strip().splitlines()
            raise SlurmError(f"{name} did not start: {log[-1] if log else 'it wrote no log'}")

    def _ended(self) -> str:
        """The first daemon that is no longer running, if any."""
        return next((name for name, daemon in self._daemons.items() if daemon.poll() is not None), "")

    def _controller_listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._ports[0]), 1):
            return True
        return False

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _write_files(self) -> None:
        for name in ("state", "spool"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(128))
        (self.folder / "slurm.conf").write_text(self._configuration())

    def _configuration(self) -> str:
        lines = [f"{name}={value}" for name, value in (SETTINGS | self._addresses() | self._settings).items()]
        # The address keeps Slurm on the loopback device whatever the machine's name resolves to.
        lines += [
            f"NodeName={self.node} NodeAddr=127.0.0.1 CPUs={self._cpus}",
            "PartitionName=short Nodes=ALL Default=YES MaxTime=10 State=UP",
            "PartitionName=other Nodes=ALL MaxTime=60 State=UP",
        ]
        return "\n".join(lines) + "\n"

    def _addresses(self) -> dict[str, str | int]:
        """The settings that differ from one Slurm to the next."""
        controller_port, node_port = self._ports
        return {
            "ClusterName": "one",
            "SlurmctldHost": f"{self.node}(127.0.0.1)",
            "SlurmctldPort": controller_port,
            "SlurmdPort": node_port,
            "SlurmUser": _user(),
            "SlurmdUser": _user(),
            "AuthType": "auth/munge",
            "CredType": "cred/munge",
            "AuthInfo": f"socket={self.folder}/munge.socket",
            "StateSaveLocation": f"{self.folder}/state",
            "SlurmdSpoolDir": f"{self.folder}/spool",
            "SlurmctldPidFile": f"{self.folder}/slurmctld.pid",
            "SlurmdPidFile": f"{self.folder}/slurmd.pid",
        }


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def _free_ports(count: int) -> list[int]:
    """Ports nobody listens on; held together until all are known, so that they differ."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in sockets]
