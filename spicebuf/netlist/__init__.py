"""Netlist templates: read, validated, and known down to their feedback."""

from spicebuf.netlist.alter import Alteration
from spicebuf.netlist.bundled import bundled_folder, bundled_names, bundled_path
from spicebuf.netlist.cards import is_file
from spicebuf.netlist.circuit import BUILT_IN, identifiers, is_random
from spicebuf.netlist.template import (
    TEMPLATE_SUFFIX,
    Template,
    ThetaSpec,
    netlist_digest,
    read_template,
    require_sizes_positive,
)
from spicebuf.netlist.union import unite

__all__ = [
    "BUILT_IN",
    "TEMPLATE_SUFFIX",
    "Alteration",
    "Template",
    "ThetaSpec",
    "bundled_folder",
    "bundled_names",
    "bundled_path",
    "identifiers",
    "is_file",
    "is_random",
    "netlist_digest",
    "read_template",
    "require_sizes_positive",
    "unite",
]
