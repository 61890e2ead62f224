"""What a plugin does to learn the test slide's truth leaves its scores as they are; without the seal it would not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from plugins.cheating import READABLE_BY_DESIGN, cheat_names, cheats
from plugins.command import Command, records, stbench

from stbench.commands.choosing import find_slides
from stbench.evaluation.sealing import landlock
from stbench.evaluation.sealing.seal import possible_here

pytestmark = pytest.mark.skipif(landlock.abi() == 0, reason="this kernel offers no Landlock")

SLIDES = "A1,B1,C1"
DESIGN = ["--dataset", "demo-tiny", "--genes", "highest", "--inner", "none", "--slides", SLIDES, "--json"]
SEALED_OUT = sorted(set(cheat_names()) - {READABLE_BY_DESIGN})
# These need no more than what lies in the process or on its disk.
REAL = [
    "array_object", "asks_cat", "class_memory", "early_thread", "frames", "good_when_audited", "hard_link",
    "notes_in_attributes", "notes_in_keyring", "notes_in_links", "notes_in_memory", "patched_scorer", "reads_by_c",
    "reads_file", "reads_parent", "reads_truths",
]  # fmt: skip


@pytest.fixture
def data(quick: None, shared_cache: Path) -> Path:
    """Where the files of demo-tiny lie, which are made if need be."""
    assert stbench("run", "--method", "mean", *DESIGN, "--dry-run").status == 0
    # Other tests may have made slides of other sizes there.
    anything = next(iter(find_slides("demo-tiny", None)[0][0].files.values()))
    (folder,) = (path for path in anything.parents if path.name.startswith("demo-tiny-"))
    return folder


@pytest.fixture
def swept() -> Iterator[None]:
    """Notes that a cheat managed to leave are cleaned up."""
    yield
    for folder in ("/tmp", "/var/tmp", "/dev/shm"):
        for note in Path(folder).glob("stbench-cheat-*"):
            note.unlink()


def scores(out: Path, cheating: bool) -> dict[str, dict[str, float | None]]:
    """Each method's PCC by slide, of the rows with a cheat or of those without."""
    found: dict[str, dict[str, float | None]] = {}
    for record in records(out).values():
        assert record["failure"] is None, (record["row"]["method"], record["failure"])
        overridden = dict(record["row"]["overrides"])
        if record["row"]["method"] != "mean" and overridden.get("cheating", True) == cheating:
            for slide in record["slides"]:
                found.setdefault(record["row"]["method"], {})[slide["slide"]] = slide["scores"]["pcc"]
    return found


def run(names: list[str], out: Path, *more: object) -> int:
    methods = [name.replace("_", "-") for name in names]
    return stbench("run", "--method", ",".join(methods), *DESIGN, "--out", out, *more).status


def run_honestly(out: Path) -> dict[str, float | None]:
    """What every cheat scores that finds nothing, since all of them are the same least squares; its truths are kept."""
    assert run(["reads_truths"], out, "--set", "reads-truths.cheating=false") == 0
    (plain,) = scores(out, cheating=False).values()
    assert len(plain) == 3
    return plain


@pytest.mark.acceptance
def test_no_cheat_scores_other_than_without_its_cheat(
    data: Path, tmp_path: Path, plug_in: Callable[[Path], None], swept: None
):
    out, possible = tmp_path / "out", possible_here()
    # Without namespaces notes may pass, and the row says so.
    shut_out = [name for name in SEALED_OUT if possible.memory or not name.startswith("notes_in")]
    plug_in(cheats(tmp_path / "cheats", data, shut_out, earlier=out))
    plain = run_honestly(out)  # the earlier run, whose truths are looked for
    assert run(shut_out, out) == 0
    assert scores(out, cheating=True) == {name.replace("_", "-"): plain for name in shut_out}
    assert {record["sealed"] for record in records(out).values()} == {str(possible)}


@pytest.mark.acceptance
def test_the_cheats_are_real_where_nothing_is_sealed(
    data: Path, tmp_path: Path, plug_in: Callable[[Path], None], swept: None
):
    out = tmp_path / "out"
    plug_in(cheats(tmp_path / "cheats", data, REAL, earlier=out))
    run_honestly(out)
    methods = ",".join(name.replace("_", "-") for name in REAL)
    # In a process of its own: what they do to it must not stay.
    command = Command(tmp_path, "run", "--method", methods, *DESIGN, "--out", out, "--in-process")
    assert command.outcome().status == 0
    best = {name: max(filter(None, slides.values())) for name, slides in scores(out, cheating=True).items()}
    assert len(best) == len(REAL)
    assert {name: pcc for name, pcc in best.items() if pcc < 0.99} == {}
