"""Numbers as SPICE writes them: `4u`, `1meg`, `0.8`, `10kohm`."""

import math
import re

from spicebuf.errors import InputError

_POWERS = {
    "": 0,
    "t": 12,
    "g": 9,
    "meg": 6,
    "k": 3,
    "m": -3,
    "u": -6,
    "n": -9,
    "p": -12,
    "f": -15,
    "a": -18,
}
_MIL = 25.4e-6
_NUMBER = re.compile(
    r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,4})?)(meg|mil|[tgkmunpfa])?[a-z]*",
    re.IGNORECASE | re.ASCII,
)


def parse_number(text: str) -> float:
    """Read a SPICE number; letters after the scale are a unit and are ignored, as in SPICE.

    Raises
    ------
    InputError
        If `text` is not a finite SPICE number.
    """
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise InputError(
            f"{text.strip()!r} is not a SPICE number; write for example 4u, 0.8 or 1meg "
            "(m is milli, meg is mega)"
        )
    digits, scale = match[1].lower(), (match[2] or "").lower()
    if scale == "mil":
        value = float(digits) * _MIL
    else:
        # Shifting the decimal exponent keeps 4u equal to 4e-6; a product may differ in the last bit.
        mantissa, _, exponent = digits.partition("e")
        value = float(f"{mantissa}e{int(exponent or 0) + _POWERS[scale]}")
    if not math.isfinite(value):
        raise InputError(f"{text.strip()!r} is too large for a number")
    return value


def is_number(text: str) -> bool:
    """Tell whether `text` reads as a SPICE number."""
    return _NUMBER.fullmatch(text.strip()) is not None
