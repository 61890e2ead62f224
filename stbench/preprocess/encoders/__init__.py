"""Frozen image encoders: the door to those of a laboratory's own, and the built-in ones.

An encoder is a folder with a `card.yaml` (EncoderCard) and an `encoder.py`, which offers

    load(device) -> callable from (n, edge, edge, 3) uint8 RGB patches to (n, width) float32

for any n from 1 on and any edge. It is handed patches and nothing else, a copy of its own each time. What it gives of a
patch depends on that patch alone; `stbench check --encoder NAME` tries that. Folders are found below those that
`$STBENCH_ENCODERS` names (or are one of them) and as entry points of the group `stbench.encoders`, each of them the
package that holds both files. The built-in ones are a table of the same cards, built_in.yaml.

card         what is known of an encoder
finding      which there are, and which are broken
networks     loading a network with its weights and running it
hub          weights of Hugging Face, pinned when they are first had
loading      one encoder as a function that is watched
identity     what tells its results from others
slide        a slide's embeddings, computed once
"""

from stbench.preprocess.encoders.card import EncoderCard as EncoderCard
from stbench.preprocess.encoders.finding import DEFAULT_ENCODER as DEFAULT_ENCODER
from stbench.preprocess.encoders.finding import Encoder as Encoder
from stbench.preprocess.encoders.finding import broken_encoders as broken_encoders
from stbench.preprocess.encoders.finding import encoders as encoders
from stbench.preprocess.encoders.finding import find_encoder as find_encoder
from stbench.preprocess.encoders.identity import embedding_identity as embedding_identity
from stbench.preprocess.encoders.identity import encoder_identity as encoder_identity
from stbench.preprocess.encoders.identity import encoder_label as encoder_label
from stbench.preprocess.encoders.identity import have_weights as have_weights
from stbench.preprocess.encoders.identity import weights_known as weights_known
from stbench.preprocess.encoders.loading import load_encoder as load_encoder
from stbench.preprocess.encoders.slide import embeddings_cached as embeddings_cached
from stbench.preprocess.encoders.slide import embeddings_of as embeddings_of
