"""What a sealed process can do and cannot: each attempt made by a real process, beside the same one unsealed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stbench.evaluation.sealing import landlock
from stbench.evaluation.sealing.seal import Seal, possible_here, reduced

pytestmark = pytest.mark.skipif(landlock.abi() == 0, reason="this system has no Landlock")

SECRET = "the truth of slide A1"
# What a sealed process does: the attempt's value goes out as JSON, an exception as its type's name.
_FRAME = """
import json, os, sys
from pathlib import Path
workplace, secret, readable, sealing = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] == "sealed"
def attempt():
{attempt}
{before}
if sealing:
    from stbench.evaluation.sealing.seal import seal
    seal(workplace, [Path(readable)])
try:
    found = attempt()
except Exception as error:
    found = type(error).__name__
print(json.dumps(found))
"""


@pytest.fixture
def workplaces() -> Iterator[Path]:
    """A folder for the workplaces of a test's processes, of a short name: sockets are made in them."""
    with tempfile.TemporaryDirectory(prefix="seal") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def tried(tmp_path: Path, workplaces: Path) -> Callable[..., Any]:
    """A function that runs the body of an attempt in a process of its own, sealed or not, and gives its value."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "truth.txt").write_text(SECRET)
    (tmp_path / "plugin").mkdir()
    (tmp_path / "plugin" / "own.txt").write_text("mine")

    def run(attempt: str, before: str = "", sealed: bool = True) -> Any:
        program = _FRAME.format(attempt=textwrap.indent(textwrap.dedent(attempt), "    "), before=before)
        workplace = Path(tempfile.mkdtemp(dir=workplaces))
        words = (workplace, tmp_path / "secret/truth.txt", tmp_path / "plugin")
        command = [sys.executable, "-c", program, *map(str, words), "sealed" if sealed else "open"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout.splitlines()[-1])

    return run


READING = {
    "python": "return open(secret).read()",
    "a C library": """
        import ctypes
        libc = ctypes.CDLL(None)
        libc.fopen.restype = ctypes.c_void_p
        return "opened" if libc.fopen(secret.encode(), b"r") else "no"
    """,
    "numpy": "import numpy; return len(numpy.fromfile(secret, dtype='u1'))",
    "a memory map": "import numpy; return len(numpy.memmap(secret, mode='r'))",
    "another program": "import subprocess; return subprocess.run(['cat', secret], capture_output=True).stdout.decode()",
    "a link in its own folder": """
        os.link(secret, workplace / "link")
        return (workplace / "link").read_text()
    """,
    "a symbolic link": """
        (workplace / "symlink").symlink_to(secret)
        return (workplace / "symlink").read_text()
    """,
    "the parent's folder below /proc": "return Path(f'/proc/{os.getppid()}/root' + secret).read_text()",
    "a list of the folder": "return os.listdir(Path(secret).parent)",
}


@pytest.mark.parametrize("attempt", READING.values(), ids=READING)
def test_a_file_outside_is_read_without_the_seal_and_not_with_it(tried, attempt: str, tmp_path: Path):
    could, can = tried(attempt, sealed=False), tried(attempt)
    assert could in (SECRET, "opened", len(SECRET), ["truth.txt"])
    assert can in ("PermissionError", "OSError", "no", "")
    assert (tmp_path / "secret/truth.txt").read_text() == SECRET


def test_nothing_is_written_or_removed_outside(tried, tmp_path: Path):
    for attempt in (
        "open(secret, 'w')",
        "os.truncate(secret, 0)",
        "os.remove(secret)",
        "os.rename(secret, workplace/'x')",
    ):
        assert tried(attempt) in ("PermissionError", "OSError"), attempt
    assert (tmp_path / "secret/truth.txt").read_text() == SECRET


def test_its_own_files_its_workplace_and_what_was_opened_before_stay(tried):
    assert tried("return Path(readable, 'own.txt').read_text()") == "mine"
    assert tried("(workplace / 'note').write_text('x'); return (workplace / 'note').read_text()") == "x"
    assert tried("Path(readable, 'own.txt').write_text('changed')") in ("PermissionError", "OSError")
    mapped = "import numpy; array = numpy.memmap(secret, mode='r')"
    assert tried("return len(array)", before=mapped) == len(SECRET)


def test_temporary_files_caches_and_the_home_folder_go_to_the_workplace(tried, workplaces: Path):
    places = "import tempfile; return [tempfile.mkdtemp(), str(Path.home()), str(Path.cwd())]"
    assert all(Path(place).is_relative_to(workplaces) for place in tried(places))


def test_nobody_is_reached(tried):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connect = (
            f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=5); return 'connected'"
        )
        assert tried(connect, sealed=False) == "connected"
        if landlock.abi() >= 4:
            assert tried(connect) == "PermissionError"
    if landlock.abi() >= 6:
        assert tried("os.kill(os.getppid(), 0); return 'reached'", sealed=False) == "reached"
        assert tried("os.kill(os.getppid(), 0); return 'reached'") == "PermissionError"


def test_no_limit_of_another_process_is_set_and_its_own_are(tried):
    of_parent = "import resource; resource.prlimit(os.getppid(), resource.RLIMIT_CORE, (0, 0)); return 'set'"
    assert tried(of_parent, sealed=False) == "set"
    if possible_here().memory:
        assert tried(of_parent) == "PermissionError"
    assert tried("import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); return 'set'") == "set"


def test_root_makes_no_device_by_which_it_would_reach_a_disk(tried):
    if os.geteuid() != 0:
        pytest.skip("only root can")
    make = "import stat; os.mknod(workplace / 'disk', stat.S_IFBLK | 0o600, os.makedev(7, 0)); return 'made'"
    assert tried(make, sealed=False) == "made"
    assert tried(make) == "PermissionError"


def test_shared_memory_holds_no_notes_from_one_to_the_next(tried):
    if not possible_here().memory:
        pytest.skip("no namespace can be had here")
    note = f"stbench-note-{os.getpid()}"
    leave = f"Path('/dev/shm/{note}').write_text('A1'); return os.listdir('/dev/shm')"
    assert tried(leave) == [note]
    assert tried("return os.listdir('/dev/shm')") == []
    assert not Path("/dev/shm", note).exists()


NOTES = {
    "extended attributes": "os.setxattr(secret, 'user.note', b'A1'); return 'left'",
    "times": "os.utime(secret, (1, 2)); return 'left'",
    "modes": "os.chmod(secret, 0o640); return 'left'",
    "a key of the user": """
        import ctypes
        key = ctypes.CDLL(None, use_errno=True).syscall(248, b'user', b'stbench-test', b'A1', 2, -4)
        return 'left' if key > 0 else os.strerror(ctypes.get_errno())
    """,
    "a socket on this machine": """
        import socket
        asking, waiting = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        waiting.bind(('127.0.0.1', 0))
        asking.sendto(b'A1', waiting.getsockname())
        return 'left'
    """,
}


@pytest.mark.parametrize("attempt", NOTES.values(), ids=NOTES)
def test_no_note_is_left_where_the_next_one_could_find_it(tried, attempt: str):
    if not possible_here().memory or os.uname().machine != "x86_64":
        pytest.skip("no namespace can be had here")
    if "xattr" not in attempt:  # not every file system has them
        assert tried(attempt, sealed=False) == "left"
    assert tried(attempt) != "left"


def test_honest_work_goes_on_inside(tried):
    """Worker processes, joblib, an optimiser, threads: what ordinary training does."""
    assert tried("""
        import joblib, torch, torch.utils.data
        x = torch.arange(32.0).reshape(16, 2)
        batches = list(torch.utils.data.DataLoader(x, batch_size=4, num_workers=1))
        layer = torch.nn.Linear(2, 2)
        optimiser = torch.optim.AdamW(layer.parameters())
        layer(batches[0]).sum().backward()
        optimiser.step()
        squares = joblib.Parallel(2)(joblib.delayed(pow)(i, 2) for i in range(3))
        torch.save(layer.state_dict(), workplace / "checkpoint.pt")
        return [len(batches), squares, len(torch.load(workplace / "checkpoint.pt"))]
    """) == [4, [0, 1, 4], 2]


def test_there_is_no_way_back(tried):
    """A child of a sealed process is sealed, and sealing again opens nothing."""
    assert (
        tried(
            "from stbench.evaluation.sealing.seal import seal; seal(workplace, [Path('/')]); return open(secret).read()"
        )
        == "PermissionError"
    )


def test_a_sealed_process_keeps_nothing_of_the_environment_that_names_a_place_or_opens_one():
    environment = {
        "PATH": "/usr/bin", "OMP_NUM_THREADS": "1", "STBENCH_DATA": "/data", "STBENCH_CACHE": "/cache", "HF_TOKEN": "x",
        "MLFLOW_TRACKING_URI": "https://user:secret@server", "HOME": "/home/anna", "PYTHONPATH": "/data",
    }  # fmt: skip
    assert reduced(environment) == {"PATH": "/usr/bin", "OMP_NUM_THREADS": "1"}


def test_a_user_who_is_not_root_is_sealed_as_well(tried):
    if os.geteuid() != 0:
        pytest.skip("everything above ran as such a user")
    before = """
from stbench.evaluation.sealing import seal as module
module.installation()  # found while its files can be read
os.chown(workplace, 65534, 65534), os.chmod(Path(secret).parent, 0o755)
os.setgid(65534), os.setuid(65534)
"""
    assert tried(
        "(workplace / 'x').write_text('x'); return [os.getuid(), os.stat(workplace / 'x').st_uid]", before
    ) == [65534, 65534]
    assert tried("return open(secret).read()", before) == "PermissionError"


def test_how_a_seal_reads():
    assert str(Seal(True, True)) == "sealed"
    assert str(Seal(True, False, "no namespace")) == "sealed, shared memory open"
    assert str(Seal(False, True, "no Landlock")) == "not sealed"
