"""The APIs of greatest log volume, with a proof. Knows no circuits."""

from spicebuf.search.ascent import weigh
from spicebuf.search.chain_optimum import ChainOptimum, Proof
from spicebuf.search.chains import search_chain
from spicebuf.search.edges import simplified
from spicebuf.search.grids import GRID_STEP, grid_of
from spicebuf.search.landscape import Landscape, landscape
from spicebuf.search.lattice import MAX_EDGES, Lattice, lattice
from spicebuf.search.links import Link
from spicebuf.search.naming import Edge, edge_named, edges_of
from spicebuf.search.optimum import MAX_CELLS, Candidate, Optimum, search, widened
from spicebuf.search.partners import narrowest, overhang, widest
from spicebuf.search.relation import Bools, Images, Preimages, Sets, joined
from spicebuf.search.shapes import Shape, name_of, pattern_of, shape_of, shapes_of
from spicebuf.search.solutions import Solutions, count_solutions, work_together

__all__ = [
    "GRID_STEP",
    "MAX_CELLS",
    "MAX_EDGES",
    "Bools",
    "Candidate",
    "ChainOptimum",
    "Edge",
    "Images",
    "Landscape",
    "Lattice",
    "Link",
    "Optimum",
    "Preimages",
    "Proof",
    "Sets",
    "Shape",
    "Solutions",
    "count_solutions",
    "edge_named",
    "edges_of",
    "grid_of",
    "joined",
    "landscape",
    "lattice",
    "name_of",
    "narrowest",
    "overhang",
    "pattern_of",
    "search",
    "search_chain",
    "shape_of",
    "shapes_of",
    "simplified",
    "weigh",
    "widened",
    "widest",
    "work_together",
]
