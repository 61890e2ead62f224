#!/bin/sh
# Makes these Records: sh leaderboards/her2-5slides-cpu/run.sh OUT. Stop it and start it again: it goes on where it was.
# sh leaderboards/her2-5slides-cpu/run.sh OUT plan   says which trials are still open, and fits nothing.
# STBENCH_DATA holds the slides and panels/her_hvg_cut_1000.txt.
set -u
out=$1 what=${2:-run}
of_785() {
  stbench "$what" --dataset her2 --slides B4,C2,C3,C4,C5 --inner none --threads 1 --out "$out" \
    --genes "file:$STBENCH_DATA/panels/her_hvg_cut_1000.txt" "$@"
}

of_785 --method mean,knn,ridge,smooth,depth,depth-smooth
of_785 --method spahgc --epochs 60
of_785 --method spahgc --variant released --epochs 60
of_785 --method eggn --epochs 60
of_785 --method hist2st --epochs 6 --set copies=0
of_785 --method hggep --epochs 6 --set copies=0
of_785 --method thitogene --epochs 20
of_785 --method histogene --epochs 20
of_785 --method cmrcnet --epochs 1
of_785 --method stnet --epochs 1
of_785 --method mclstexp --epochs 1
of_785 --method bleep --epochs 1
of_785 --method m2ost --epochs 1
if [ "$what" = plan ]; then exec stbench status --out "$out"; fi
