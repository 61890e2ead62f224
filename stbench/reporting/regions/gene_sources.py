"""What two regions' genes are taken from, beside the rows of a leaderboard."""

from __future__ import annotations

MEASURED = "measured"
# The floors that know a spot's depth and nothing else; the first that was run is the control.
CONTROLS = ("depth", "depth-smooth")
