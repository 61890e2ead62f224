#!/bin/sh
# Makes these Records from predictions that were made elsewhere:
#   sh leaderboards/her2-5slides-published-epochs/run.sh OUT PREDICTIONS
#   sh leaderboards/her2-5slides-published-epochs/run.sh OUT plan   says which floors are still open, and fits nothing.
# PREDICTIONS holds a folder for each method, preset and seed; STBENCH_DATA the slides and panels/.
set -u
out=$1 predictions=$2
what=run
[ "$predictions" != plan ] || what=plan
made="stbench at 6cb1368 on an H100; fixed epochs, nothing chosen on a test slide"
her2() { stbench "$@" --dataset her2 --slides B4,C2,C3,C4,C5 --out "$out"; }
of_785() { her2 "$@" --genes "file:$STBENCH_DATA/panels/her_hvg_cut_1000.txt"; }

her2 "$what" --method mean --inner none
of_785 "$what" --method mean --inner none
if [ "$what" = plan ]; then exec stbench status --out "$out"; fi
her2 score "$predictions"/spahgc.paper.seed? --name "spahgc (paper, 200 epochs)" --note "$made"
her2 score "$predictions"/spahgc.released.seed? --name "spahgc (released, 200 epochs)" --note "$made"
her2 score "$predictions"/eggn.paper.seed? --name "eggn (paper, 300 epochs)" --note "$made"
her2 score "$predictions"/cmrcnet.paper.seed? --name "cmrcnet (paper, 60 epochs)" --note "$made"
her2 score "$predictions"/hist2st.paper.seed? --name "hist2st (paper, 350 epochs)" --note "$made"
her2 score "$predictions"/histogene.paper.seed? --name "histogene (paper, 100 epochs)" --note "$made"
her2 score "$predictions"/m2ost.paper.seed? --name "m2ost (paper, 100 epochs)" --note "$made"
her2 score "$predictions"/thitogene.paper.seed? --name "thitogene (paper, 300 epochs)" --note "$made"
of_785 score "$predictions"/spahgc.paper.785genes.seed? --name "spahgc (paper, 200 epochs)" --note "$made"
of_785 score "$predictions"/spahgc.released.785genes.seed? --name "spahgc (released, 200 epochs)" --note "$made"
