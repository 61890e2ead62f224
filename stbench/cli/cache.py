"""`stbench cache`: what the caches hold, and emptying them."""

from __future__ import annotations

import typer

from stbench.cli.options import Json, print_json

cache = typer.Typer(
    help="What the caches hold and how much; `clear` empties them.", invoke_without_command=True
)


@cache.callback()
def show_cache(context: typer.Context, json: Json = False) -> None:
    """What the caches hold and how much."""
    if context.invoked_subcommand is not None:
        return
    from stbench.cli.consoles import output
    from stbench.cli.grids import print_grid
    from stbench.commands.cache import contents

    folder, rooms = contents()
    if json:
        print_json({"folder": str(folder), "rooms": [room._asdict() for room in rooms]})
        return
    output().print(str(folder), soft_wrap=True)
    lines = [(room.kind, str(room.n_files), f"{room.megabytes:.1f}") for room in rooms]
    print_grid(("cache", "files", "MB"), lines)


@cache.command("clear")
def clear(json: Json = False) -> None:
    """Delete everything that can be made again; downloaded data stay."""
    from stbench.cli.consoles import output
    from stbench.commands import cache as caches

    kinds = caches.clear()
    if json:
        print_json({"cleared": kinds})
        return
    output().print(f"Cleared: {', '.join(kinds) or 'nothing was cached'}.")
