"""Find feedback in a netlist: such a circuit can have two branches and must be simulated alone."""

from collections.abc import Iterator, Sequence

from spicebuf.errors import NetlistError
from spicebuf.netlist.circuit import Device

# Terminals that conduct into one another at DC, and those that only control, by device letter.
# Junctions conduct: base and gate of bipolar and junction transistors are not control alone.
_CONDUCTING = {"m": (0, 2, 3), "d": (0, 1), "q": (0, 1, 2), "j": (0, 1, 2), "r": (0, 1)}
_CONDUCTING |= {"l": (0, 1), "v": (0, 1), "e": (0, 1), "h": (0, 1), "b": (0, 1)}
_CONTROLLING = {"m": (1,), "q": (1,), "j": (1,)}


def feedback_nodes(
    devices: Sequence[tuple[str, Device]], driven: frozenset[str]
) -> tuple[str, ...]:
    """Return the nodes through which a circuit feeds back on itself; none if it does not.

    Groups of nodes joined by channels and resistors are vertices; a gate is an edge from the group of
    its node to the group that it controls. What remains after groups without an edge in or without
    an edge out have been taken away, again and again, lies on cycles or between them. The answer errs
    on the safe side: a diode-connected transistor counts, and costs time only.

    Parameters
    ----------
    devices : sequence of (str, Device)
        All devices of the component, by `flatten`.
    driven : frozenset of str
        Ports held by ideal sources (input and supplies): they join no group.

    Returns
    -------
    tuple of str
        Controlling nodes on or between cycles, with `x1.` for a node inside the instance `x1`.
    """
    groups = _Groups(driven | {"0", "gnd"})
    controls = list(_controls(devices, groups))
    edges = {
        (groups.find(control), groups.find(node), control)
        for control, outputs in controls
        for node in outputs
        if control not in groups.fixed and node not in groups.fixed
    }
    while True:
        starts, ends = {edge[0] for edge in edges}, {edge[1] for edge in edges}
        left = {edge for edge in edges if edge[0] in ends and edge[1] in starts}
        if left == edges:
            return tuple(sorted({control for _, _, control in edges}))
        edges = left


def _controls(
    devices: Sequence[tuple[str, Device]], groups: "_Groups"
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Join what conducts; yield each controlling node with the nodes that it drives."""
    sources = {name: device.nodes for name, device in devices if device.kind == "v"}
    for _, device in devices:
        conducting = [device.nodes[k] for k in _CONDUCTING.get(device.kind, ())]
        groups.join(conducting)
        outputs = tuple(conducting or device.nodes)
        nodes = [device.nodes[k] for k in _CONTROLLING.get(device.kind, ())]
        nodes += device.controls
        for name in device.sensed:
            if name not in sources:
                raise NetlistError(
                    f"{device.card.where}: the current of {name!r} cannot be sensed; "
                    "only that of a V source, put in series, can"
                )
            nodes += sources[name]
        for node in nodes:
            yield node, outputs


class _Groups:
    """Disjoint sets of nodes; fixed nodes join nothing."""

    def __init__(self, fixed: frozenset[str]) -> None:
        self.fixed = fixed
        self._parent: dict[str, str] = {}

    def find(self, node: str) -> str:
        root = node
        while (above := self._parent.get(root, root)) != root:
            root = above
        self._parent[node] = root
        return root

    def join(self, nodes: list[str]) -> None:
        free = [node for node in nodes if node not in self.fixed]
        for node in free[1:]:
            self._parent[self.find(node)] = self.find(free[0])
