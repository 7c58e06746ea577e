"""Second banks, which had no part in a choice: what they say of it is no better than the truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from spicebuf.api import Api
from spicebuf.entropy import LogVolume
from spicebuf.images import api_of
from spicebuf.search import Sets
from spicebuf.system import System
from spicebuf.workflow.banks import SweptBank, sweep_system
from spicebuf.workflow.entropies import SystemEntropy, entropy_system, grid_volume
from spicebuf.workflow.settings import Progress, Settings

SECOND = 1_000_000
"""What the seed of the second banks is above that of the first."""


@dataclass(frozen=True)
class HeldOut:
    """The second banks of a system."""

    system: System
    banks: tuple[SweptBank, ...]
    settings: Settings
    on_progress: Progress

    def named(self, sets: Mapping[int, Sets]) -> tuple[Api, ...]:
        """Return sets at some places as APIs of the system."""
        return tuple(
            api_of(self.system.apis[place].name, each, self.system.logical_values)
            for place, each in sets.items()
        )

    def with_apis(self, apis: Sequence[Api]) -> System:
        """Return the system with some of its APIs replaced by those of their names."""
        new = {api.name: api for api in apis}
        return replace(self.system, apis=tuple(new.get(api.name, api) for api in self.system.apis))

    def entropy(self, apis: Sequence[Api]) -> SystemEntropy:
        """Return the log volumes with some APIs, for all voltages."""
        return entropy_system(self.with_apis(apis), self.settings, self.on_progress)

    def volume(self, apis: Sequence[Api], *, is_rare: bool) -> LogVolume:
        """Return the log volume with some APIs by points; as `entropy` does if `is_rare`."""
        if is_rare:
            return self.entropy(apis).total
        return grid_volume(self.with_apis(apis), self.banks, self.settings.confidence)


def hold_out(system: System, settings: Settings, on_progress: Progress) -> HeldOut:
    """Sweep the second banks."""
    settings = replace(settings, seed=settings.seed + SECOND)
    banks = sweep_system(system, settings, on_progress)
    return HeldOut(system, banks, settings, on_progress)
