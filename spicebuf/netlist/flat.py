"""A component without its hierarchy: all devices, with the names of nodes that ngspice gives them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from spicebuf.errors import NetlistError
from spicebuf.netlist.circuit import Device, Scope

_MAX_DEVICES = 100_000
_MAX_DEPTH = 64
_GROUND = frozenset({"0", "gnd"})
# ngspice limits their voltages from one iteration to the next.
_FIELD_EFFECT = frozenset("mj")


def flatten(component: Scope) -> list[tuple[str, Device]]:
    """Return the devices of a component with their names; nodes of the instance `x1` begin with `x1.`.

    Raises
    ------
    NetlistError
        If a subcircuit contains itself, or there are more devices than could be meant.
    """
    flat = list(islice(_devices(component, "", {}, 0), _MAX_DEVICES + 1))
    if len(flat) > _MAX_DEVICES:
        raise NetlistError(
            f"subcircuit {component.name!r} has more than {_MAX_DEVICES} devices and instances"
        )
    return [(name, device) for name, device in flat if device is not None]


def transistor_nodes(
    devices: Sequence[tuple[str, Device]], driven: frozenset[str]
) -> tuple[str, ...]:
    """Return the nodes at field-effect transistors, but for those that ideal sources hold."""
    nodes = {node for _, device in devices if device.kind in _FIELD_EFFECT for node in device.nodes}
    return tuple(sorted(nodes - driven - _GROUND))


def _devices(
    scope: Scope, prefix: str, ports: dict[str, str], depth: int
) -> Iterator[tuple[str, Device | None]]:
    if depth > _MAX_DEPTH:
        raise NetlistError(f"subcircuit {scope.name!r} contains itself")

    def outer(node: str) -> str:
        return ports.get(node, node if node in _GROUND else prefix + node)

    if depth:
        # A subcircuit counts even if it is empty: doubling levels of nothing would never end.
        yield prefix, None
    for device in scope.devices:
        nodes = tuple(outer(node) for node in device.nodes)
        name = prefix + device.card.keyword
        child = scope.child_of(device)
        if child is not None:
            inner = dict(zip(child.ports, nodes, strict=True))
            yield from _devices(child, f"{name}.", inner, depth + 1)
        else:
            controls = tuple(outer(node) for node in device.controls)
            sensed = tuple(prefix + source for source in device.sensed)
            yield name, replace(device, nodes=nodes, controls=controls, sensed=sensed)
