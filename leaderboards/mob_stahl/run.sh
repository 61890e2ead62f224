#!/bin/sh
# Makes these Records: sh leaderboards/mob_stahl/run.sh OUT. Stop it and start it again: it goes on where it was.
# sh leaderboards/mob_stahl/run.sh OUT plan   says which trials are still open, and fits nothing.
# STBENCH_DATA holds mob_stahl/: a folder a section, and slides.csv.
set -u
out=$1 what=${2:-run} here=$(dirname "$0")
sections="path:$STBENCH_DATA/mob_stahl" layers="Granular Cell Layer,Glomerular layer"
mob() { stbench "$what" --dataset "$sections" --patch-um 200 --inner none --threads 1 --out "$out" "$@"; }

mob --method mean,knn,ridge,smooth,depth,depth-smooth
mob --method spahgc
mob --method spahgc --variant released
mob --method eggn
# The second mouse has one section: a patient split leaves it to train on alone, too few for the networks.
mob --method mean,knn,ridge,smooth,depth,depth-smooth --split patient
if [ "$what" = plan ]; then exec stbench status --out "$out"; fi
keep() { # FILE COMMAND...: what a command prints, in the place of an older one only where it did not fail
  file=$1
  shift
  "$@" >"$file.new" && mv "$file.new" "$file"
}
keep "$here/regions.md" stbench regions --dataset "$sections" --out "$out" --format md
for method in smooth spahgc eggn; do
  keep "$here/enrichment-$method.md" \
    stbench enrich --dataset "$sections" --method $method --groups "$layers" --out "$out" --format md
done
