#!/bin/sh
# Makes these Records: sh leaderboards/her2-5slides/run.sh OUT. Stop it and start it again: it goes on where it was.
# sh leaderboards/her2-5slides/run.sh OUT plan   says which trials are still open, and fits nothing.
set -u
out=$1 what=${2:-run}
her2() { stbench "$what" --dataset her2 --slides B4,C2,C3,C4,C5 --threads 1 --out "$out" "$@"; }

her2 --method spahgc,eggn --epochs 60 --seeds 0,1,2
her2 --method spahgc,eggn --epochs 60 --tune-on pcc-equal-depth # refits only
her2 --method spahgc --variant released --epochs 60 --seeds 0,1,2
her2 --method spahgc --variant released --epochs 60 --tune-on pcc-equal-depth
# With two patients a patient split leaves one to train on, too few for networks that need two slides of others.
for split in slide-matched patient; do
  her2 --method mean,knn,ridge,smooth,depth,depth-smooth --split $split
done
if [ "$what" = plan ]; then exec stbench status --out "$out"; fi
for table in 2 4 5; do # at what the full method's inner loop chose
  stbench ablate spahgc --dataset her2 --slides B4,C2,C3,C4,C5 --threads 1 --out "$out" --epochs 60 --table $table
done
