"""What the 36 slides of HER2+ would cost, planned and not run: trials of each method, and hours on this machine.

Where a slide's image is not at hand, a link to another slide's stands in for it: a plan opens no image. Hours are those
of `--dry-run`: by leaderboards/costs, scaled by spots, epochs and the speed of this machine.

    python tests/benchmarks/her2_plan.py --data-root DIR [--method spahgc] [--json]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from stbench import registry
from stbench.commands.asked import Asked
from stbench.commands.dry_run import plan_of
from stbench.commands.expected import expected_seconds
from stbench.commands.means import Means
from stbench.commands.preparing import prepare

LOOPS: dict[str, dict[str, Any]] = {
    "pairs": {"inner": "pairs"},
    "pairs, halving": {"inner": "pairs", "halving": True},
    "all": {"inner": "all"},
    "none": {"inner": "none"},
}


def whole_folder(data_root: Path, to: Path) -> None:
    """HER2+ below `to` as links to `data_root`, every slide with an image."""
    data, here = data_root / "her2st" / "data", to / "her2st" / "data"
    here.mkdir(parents=True)
    for part in data.iterdir():
        if part.name != "ST-imgs":
            (here / part.name).symlink_to(part.resolve())
    images = sorted((data / "ST-imgs").rglob("*.jpg"))
    for counts in sorted((data / "ST-cnts").glob("*.tsv.gz")):
        slide = counts.name.partition(".")[0]
        own = [image for image in images if image.parent.name == slide]
        folder = here / "ST-imgs" / slide[0] / slide
        folder.mkdir(parents=True)
        (folder / f"{slide}.jpg").symlink_to((own or images)[0].resolve())


def own_numbers(method: str, data_root: Path, out: Path, design: dict[str, Any]) -> dict[str, Any]:
    """A method's own trials, without the floors that join every run, and their hours for one worker."""
    prepared = prepare(
        Asked.of(methods=[method], dataset="her2", data_root=data_root, device="cpu", **design), out
    )
    pending = [job for job in prepared.pending() if job.row.method == method]
    expected = expected_seconds(prepared, pending)
    n_trials = len(prepared.trials_to_do(pending)) + sum(len(job.keys) for job in pending)
    return {"trials": n_trials, "hours": expected.total / 3600, "by": expected.by_method[method][1]}


def measured(methods: list[str], data_root: Path) -> dict[str, Any]:
    """For each method and kind of inner loop its own trials and hours; and all methods with the floors."""
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder) / "data", Path(folder) / "out"
        whole_folder(data_root, root)
        found: dict[str, Any] = {
            method: {loop: own_numbers(method, root, out, design) for loop, design in LOOPS.items()}
            for method in methods
        }
        for loop, design in LOOPS.items():
            plan = plan_of(
                prepare(
                    Asked.of(methods=methods, dataset="her2", data_root=root, device="cpu", **design), out
                ),
                Means(workers=1),
            )
            seconds = plan["estimated_seconds"]
            hours = None if seconds is None else seconds / 3600
            found.setdefault("all of these, with the floors", {})[loop] = {
                "trials": plan["trials"],
                "hours": hours,
            }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--method", help="comma-separated; every published method unless given")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    methods = given.method.split(",") if given.method else published_methods()
    found = measured(methods, given.data_root)
    if given.json:
        print(json.dumps(found, indent=1))
        return
    print(f"{'':32}" + "".join(f"{loop:>24}" for loop in LOOPS))
    for name, loops in found.items():
        cells = (f"{n['trials']:,} trials {n['hours'] or 0:,.1f} h" for n in loops.values())
        print(f"{name:32}" + "".join(f"{cell:>24}" for cell in cells))


def published_methods() -> list[str]:
    """The methods that are no floors."""
    return [name for name in registry.plugins("method") if registry.method_card(name).kind == "method"]


if __name__ == "__main__":
    main()
