"""The APIs of greatest log volume, with a proof. Knows no circuits."""

from spicebuf.search.optimum import Candidate, Optimum, search
from spicebuf.search.relation import Images, Preimages, Sets, on_grid
from spicebuf.search.shapes import Shape, name_of, shapes_of

__all__ = [
    "Candidate",
    "Images",
    "Optimum",
    "Preimages",
    "Sets",
    "Shape",
    "name_of",
    "on_grid",
    "search",
    "shapes_of",
]
