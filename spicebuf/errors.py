"""The errors that a caller may meet, each with the exit status that the command line gives it."""

from typing import ClassVar


class SpicebufError(Exception):
    """Base of every error that spicebuf raises on purpose."""

    exit_status: ClassVar[int] = 2


class InputError(SpicebufError):
    """An argument, a system file or a prior that cannot be used as it stands."""


class NetlistError(InputError):
    """A netlist template that is malformed, incomplete or not allowed."""


class BankError(InputError):
    """A bank of transfer curves that cannot be opened, or belongs to another question."""


class SimulatorError(SpicebufError):
    """ngspice is missing, or gave no trustworthy answer where one was needed."""

    exit_status: ClassVar[int] = 3
