"""The whole chain of a system as one component: all that holds for a component then holds end to end.

Between two components stands an ideal source that repeats the one's output at the other's input. Every
component is measured driven ideally and unloaded, so the chain's curve is just the composition of theirs.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from spicebuf.netlist import (
    BUILT_IN,
    Alteration,
    Template,
    ThetaSpec,
    netlist_digest,
    unite,
)
from spicebuf.system import Component, System, file_stem

_NAME = "chain"
_SUPPLIES = ("vdd", "vss")


@dataclass(frozen=True)
class _Stage:
    """One component in its place in the chain, the instance `x1` or `x2` and so on.

    `names` are the chain's names for the parameters of its template.
    """

    component: Component
    number: int
    is_last: bool
    names: Mapping[str, str]

    @property
    def template(self) -> Template:
        return self.component.template

    @property
    def input(self) -> str:
        return "in" if self.number == 1 else f"in{self.number}"

    @property
    def output(self) -> str:
        return "out" if self.is_last else f"out{self.number}"

    def node(self, node: str) -> str:
        """Return the chain's name for a node that no source holds."""
        return self.output if node == "out" else f"x{self.number}.{node}"


def chain_of(system: System) -> Component:
    """Return the chain of a system's components as one component between the first API and the last.

    Its parameters are those of all components, in the components' order, each with its component's name
    before its own: `first_wpa`; those that the system fixes are fixed. A name that is no SPICE identifier
    is made one, and one that is in use gets a number.

    Raises
    ------
    InputError
        If two netlists mean different things by one name that counts in a whole deck.
    """
    cards = unite(
        {_label(component): component.template.definitions for component in system.components}
    )
    # A parameter of the chain would take the place of a global one in every component.
    taken = BUILT_IN.union(*(re.findall(r"\w+", card) for card in cards))
    name = _unused(_NAME, taken)
    stages = _stages(system.components, taken | {name})
    template = _template(name, system, stages, cards)
    names = {file_stem(component.name).lower() for component in system.components}
    fixed = {
        stage.names[theta]: value
        for stage in stages
        for theta, value in stage.component.fixed.items()
    }
    priors = {
        stage.names[theta]: prior
        for stage in stages
        for theta, prior in stage.component.priors.items()
    }
    return Component(_unused(_NAME, names), template, fixed, priors)


def end_to_end(system: System) -> System:
    """Return the system whose one component is the chain, between the first API and the last."""
    return replace(system, components=(chain_of(system),), apis=(system.apis[0], system.apis[-1]))


def theta_of_chain(
    chained: System, system: System, theta: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    """Return θ of a system's components as that of its chain.

    Parameters
    ----------
    chained : System
        What `end_to_end` makes of `system`.
    system : System
    theta : mapping of component name to mapping of parameter name to float
        Parameters that the system fixes are left out.
    """
    (chain,) = chained.components
    values = (
        theta[component.name][name] for component in system.components for name in component.priors
    )
    return {chain.name: dict(zip(chain.priors, values, strict=True))}


def _label(component: Component) -> str:
    return f"component {component.name!r} ({component.template.path.name})"


def _template(
    name: str, system: System, stages: Sequence[_Stage], cards: tuple[str, ...]
) -> Template:
    thetas = {spec.name: spec for stage in stages for spec in _specs(stage)}
    templates = [stage.template for stage in stages]
    ports = "in", "out", *(s for s in _SUPPLIES if any(s in t.ports for t in templates))
    definitions = (*cards, *_subcircuit(name, ports, thetas, stages))
    sort_by = templates[0].sort_by
    return Template(
        name=name,
        path=system.path,
        files=tuple(dict.fromkeys(file for t in templates for file in t.files)),
        ports=ports,
        thetas=thetas,
        sizes=frozenset(s.names[size] for s in stages for size in s.template.sizes),
        definitions=definitions,
        states=tuple(stage.node(node) for stage in stages for node in stage.template.states),
        watched=tuple(sorted({node for stage in stages for node in _watched(stage)})),
        alterations=_alterations(stages),
        sort_by=sort_by and (stages[0].names[sort_by[0]], stages[0].names[sort_by[1]]),
        digest=netlist_digest(name, definitions),
    )


def _stages(components: Sequence[Component], taken: frozenset[str]) -> list[_Stage]:
    stages = []
    for number, component in enumerate(components, start=1):
        names = _names(component, taken)
        taken |= set(names.values())
        stages.append(_Stage(component, number, number == len(components), names))
    return stages


def _names(component: Component, taken: frozenset[str]) -> dict[str, str]:
    stem = re.sub(r"\W+", "_", component.name.lower(), flags=re.ASCII)
    if not stem[0].isalpha():
        stem = f"c{stem}"
    attempts = (
        {theta: f"{prefix}_{theta}" for theta in component.template.thetas}
        for prefix in _numbered(stem)
    )
    return next(names for names in attempts if taken.isdisjoint(names.values()))


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}_{k}" for k in count(2))


def _unused(name: str, taken: Collection[str]) -> str:
    return next(attempt for attempt in _numbered(name) if attempt not in taken)


def _specs(stage: _Stage) -> Iterator[ThetaSpec]:
    for theta, spec in stage.template.thetas.items():
        # The template's own, so that the chain's netlist is the same whatever the system file says.
        description = f"{stage.component.name}: {spec.description}"
        yield ThetaSpec(stage.names[theta], spec.prior, spec.nominal, description)


def _subcircuit(
    name: str, ports: Sequence[str], thetas: Mapping[str, ThetaSpec], stages: Sequence[_Stage]
) -> Iterator[str]:
    defaults = " ".join(f"{theta}={spec.nominal!r}" for theta, spec in thetas.items())
    yield f".subckt {name} {' '.join(ports)} {defaults}".rstrip()
    for before, stage in zip((None, *stages), stages, strict=False):
        if before is not None:
            yield f"e{stage.number} {stage.input} 0 {before.output} 0 1"
        yield _instance(stage)
    yield ".ends"


def _instance(stage: _Stage) -> str:
    template = stage.template
    nodes = {"in": stage.input, "out": stage.output}
    words = [nodes.get(port, port) for port in template.ports]
    words += [template.name, *(f"{theta}={{{name}}}" for theta, name in stage.names.items())]
    return f"x{stage.number} {' '.join(words)}"


def _watched(stage: _Stage) -> Iterator[str]:
    """Yield the nodes at transistors, among them the input, which in a chain no ideal source holds."""
    yield from map(stage.node, stage.template.watched)
    if stage.template.watched and stage.number > 1:
        yield f"out{stage.number - 1}"


def _alterations(stages: Sequence[_Stage]) -> tuple[Alteration, ...] | None:
    found: list[Alteration] = []
    for stage in stages:
        uses = stage.template.alterations
        if uses is None:
            return None
        found += [_altered(use, stage) for use in uses]
    return tuple(found)


def _altered(use: Alteration, stage: _Stage) -> Alteration:
    command = use.command.replace("x{k}", f"x{{k}}.x{stage.number}", 1)
    if command.startswith("alter @m."):
        # ngspice 39 takes the dot in the name of an inner model, `x0.x1:nch`, for that of a bin and looks
        # for others that suit the new size; not so where the value is a vector, which nothing need close.
        command += "[ "
    return Alteration(stage.names[use.theta], command)
