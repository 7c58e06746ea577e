"""The APIs of greatest log volume, with a proof. Knows no circuits."""

from spicebuf.search.edges import simplified
from spicebuf.search.links import Link
from spicebuf.search.optimum import Candidate, Optimum, search
from spicebuf.search.relation import Images, Preimages, Sets, on_grid
from spicebuf.search.shapes import Shape, name_of, shapes_of
from spicebuf.search.solutions import Solutions, count_solutions

__all__ = [
    "Candidate",
    "Images",
    "Link",
    "Optimum",
    "Preimages",
    "Sets",
    "Shape",
    "Solutions",
    "count_solutions",
    "name_of",
    "on_grid",
    "search",
    "shapes_of",
    "simplified",
]
