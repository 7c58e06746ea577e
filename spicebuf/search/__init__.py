"""The APIs of greatest log volume, with a proof. Knows no circuits."""

from spicebuf.search.chain_optimum import ChainOptimum, Proof
from spicebuf.search.chains import search_chain
from spicebuf.search.edges import simplified
from spicebuf.search.links import Link
from spicebuf.search.optimum import Candidate, Optimum, search, widened
from spicebuf.search.partners import narrowest, overhang, widest
from spicebuf.search.relation import Bools, Images, Preimages, Sets, on_grid
from spicebuf.search.shapes import Shape, name_of, shape_of, shapes_of
from spicebuf.search.solutions import Solutions, count_solutions

__all__ = [
    "Bools",
    "Candidate",
    "ChainOptimum",
    "Images",
    "Link",
    "Optimum",
    "Preimages",
    "Proof",
    "Sets",
    "Shape",
    "Solutions",
    "count_solutions",
    "name_of",
    "narrowest",
    "on_grid",
    "overhang",
    "search",
    "search_chain",
    "shape_of",
    "shapes_of",
    "simplified",
    "widened",
    "widest",
]
