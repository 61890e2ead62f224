"""What the columns of a leaderboard mean, a line each."""

from __future__ import annotations

# By the titles of the full table, and of its page.
MEANINGS = {
    "PCC": "mean Pearson correlation per gene across a slide's spots, averaged over patients",
    "95% CI": "interval over patients by Fisher's z; below three patients their range",
    "patient range": "PCC of the lowest and the highest patient, who are too few for an interval",
    "slide mean": "plain mean over slides",
    "null": "the same PCC where spots of nearly equal depth have exchanged their measured profiles",
    "PCC common genes": "PCC over the genes that all folds' panels share",
    "over depth-smooth": "equal-depth PCC less that of the floor depth-smooth",
    "RMSE centred": "RMSE with each gene's mean on the slide taken out of measured and predicted values",
    "deviance explained": "Poisson deviance explained beyond the training mean rate, depth as offset",
    "PCC given depth": "PCC after sequencing depth is taken out of measured and predicted values",
    "equal-depth PCC": "PCC against counts cut down to one depth for all spots",
    "skill": "0 at the floor named beforehand, 1 at the estimated ceiling",
    "RMSE": "root-mean-square error on the min-max scale of the training slides",
    "ARI": "agreement of clusters with the pathologist's annotation, 0 is chance",
    "variance ratio": "variance of the prediction over that of the measurement",
    "structure": "agreement of gene-gene correlations with depth taken out",
    "constant": "genes predicted as a constant",
    "steps": "fewest optimiser steps of any fold, and those of the publication's own training",
}
# By the titles of the brief table.
BRIEF_MEANINGS = {
    "kind": "method: a plugin; floor: a simple rival that stands in every table; external: predictions made elsewhere; "
    "released: a predictor that was not fitted here; ceiling: an estimate of what could be reached at best",
    "PCC": MEANINGS["PCC"],
    "[95% CI]": "interval over patients by Fisher's z",
    "[patient range]": "lowest and highest patient, where two are too few for an interval",
    "null": MEANINGS["null"] + ": what depth alone gives",
    "equal depth": MEANINGS["equal-depth PCC"],
    "RMSE": MEANINGS["RMSE"],
    "fit s": "seconds of one fit, the inner loop not included",
}
