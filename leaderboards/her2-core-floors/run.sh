#!/bin/sh
# Makes these Records: sh leaderboards/her2-core-floors/run.sh OUT. Stop it and start it again: it goes on.
# sh leaderboards/her2-core-floors/run.sh OUT plan   says which trials are still open, and fits nothing.
set -u
out=$1 what=${2:-run}

stbench "$what" --suite her2-core --method mean --out "$out"
if [ "$what" = plan ]; then exec stbench status --out "$out"; fi
