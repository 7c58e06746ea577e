"""One θ of a bank, to be looked at: its deck for plain ngspice, and ngspice's own words for it."""

from collections.abc import Iterator

from spicebuf.deck import branch_sweeps, output_names, render
from spicebuf.errors import InputError
from spicebuf.sweep import simulators, sweep
from spicebuf.system import System
from spicebuf.workflow.banks import SweptBank, put_on_bench, source_of
from spicebuf.workflow.settings import Settings


def decks_of(system: System, settings: Settings, number: int) -> dict[str, str]:
    """Return the deck of θ number `number`, from 0, by component.

    Each holds its θ alone and its sweeps as `.dc` cards, so that plain ngspice runs it.

    Raises
    ------
    InputError
        If a component has no θ of this number.
    """
    decks = {}
    for component in system.components:
        on, source = put_on_bench(system, component, settings), source_of(component, settings)
        if number < 0 or (source.n is not None and number >= source.n):
            most = (
                ""
                if source.n is None
                else f", at most {source.n - 1} for component {component.name!r}"
            )
            raise InputError(f"dump-deck = {number} must be at least 0{most}")
        deck = render(on, source.theta(number, number + 1))
        (output,) = output_names(1)
        sweeps = [f".{sweep.command}" for branch in branch_sweeps(on) for sweep in branch]
        cards = [*sweeps, f".print dc v({output})"]
        decks[component.name] = deck.replace("\n.end\n", "\n" + "\n".join((*cards, ".end", "")))
    return decks


def words_for_unsimulated(swept: SweptBank) -> Iterator[tuple[int, str]]:
    """Simulate the listed unsimulated θ of a bank again; yield their numbers and ngspice's words."""
    bank = swept.bank
    with simulators(1) as pool:
        for item in swept.unsimulated:
            theta = bank.theta(range(item.index, item.index + 1))
            curves = sweep(bank.bench, theta, pool, keep_words=True)
            yield item.index, curves.words.get(0, "")
