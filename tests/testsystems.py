"""Systems whose answers are known: in closed form, or because ngspice refuses them."""

import math
from dataclasses import dataclass

BINNED = """* a BSIM4 model for widths from 1u to 10u only
*@theta w loguniform(0.1u, 100u) [m]
.subckt binned in out vdd params: w=2u
.model nch.1 nmos level=54 version=4.5 lmin=0.1u lmax=10u wmin=1u wmax=10u
m1 out in 0 0 nch w={w} l=1u
r1 vdd out 10k
.ends
"""


def divider_log_volume(gain_low: float, gain_high: float, ratio: float = 1000.0) -> float:
    """Log of the share of dividers whose gain r2/(r1 + r2) lies in a window.

    With r1 and r2 loguniform over a ratio R, t = log(r2/r1) is the difference of two variables uniform
    over L = log R: triangular on [−L, L], with distribution function F(t) = (L + t)²/2L² for t ≤ 0.
    The gain is 1/(1 + exp(−t)), so the window is one in t.
    """
    span = math.log(ratio)

    def below(t: float) -> float:
        t = min(max(t, -span), span)
        share = (span - abs(t)) ** 2 / (2.0 * span**2)
        return share if t <= 0.0 else 1.0 - share

    def logit(gain: float) -> float:
        if gain <= 0.0:
            return -math.inf
        return math.inf if gain >= 1.0 else math.log(gain / (1.0 - gain))

    share = below(logit(gain_high)) - below(logit(gain_low))
    return math.log(share) if share > 0.0 else -math.inf


def even_divider_log_volume(gain_low: float, low: float, high: float) -> float:
    """Log of the share of dividers whose gain lies between `gain_low` < 1/2 and 1 − `gain_low`.

    With r1 and r2 uniform on [low, high], the gain is too low in a triangle of the square, r1 > k r2 with
    k = 1/gain_low − 1, and too high in its mirror image; both have legs high − k low and that over k.
    """
    k = 1.0 / gain_low - 1.0
    triangle = (high - k * low) ** 2 / (2.0 * k)
    return math.log(1.0 - 2.0 * triangle / (high - low) ** 2)


def narrow_divider(p: float) -> tuple[str, float]:
    """Return a system of one divider with a gain of 0.495 to 0.505 in a share `p` of θ, and log p.

    r2 is loguniform from 100 Ω to 100 kΩ, r1 uniform over a range R so wide that hardly any r1 suits. The
    gain suits where r1 lies between r2 (1/0.505 − 1) and r2 (1/0.495 − 1), which is always within the
    range; so p = (1/0.495 − 1/0.505) E[r2]/R.
    """
    mean = (1e5 - 100.0) / math.log(1000.0)
    low, span = 90.0, (1.0 / 0.495 - 1.0 / 0.505) * mean / p
    text = f"""
[system]
vdd = 5.0
[[components]]
name = "divider"
netlist = "resistor_divider"
theta = {{ r1 = "uniform({low!r}, {low + span!r})" }}
[[apis]]
name = "input"
0 = "[0, 0]"
1 = "[5, 5]"
[[apis]]
name = "output"
0 = "[0, 1]"
1 = "[2.475, 2.525]"
"""
    return text, math.log(p)


@dataclass(frozen=True)
class Inverter:
    """A CMOS inverter of long-channel devices: square law, no channel-length modulation.

    `ratio` is k_p/k_n, thresholds and supply in volts (`vtp` negative). Formulas: Sedra & Smith,
    Microelectronic Circuits, "The CMOS inverter: static operation".
    """

    ratio: float
    vtn: float
    vtp: float
    vdd: float = 5.0

    @property
    def switching_threshold(self) -> float:
        """The input equal to its output; both devices are saturated there."""
        r = math.sqrt(self.ratio)
        return (self.vtn + r * (self.vdd + self.vtp)) / (1.0 + r)

    @property
    def vil(self) -> float:
        """The lower input of slope −1: NMOS saturated, PMOS in triode.

        (vin − vtn)² = ratio·(2·(vdd − vin + vtp)·u − u²) with u = vdd − vout; the derivative with
        dvout/dvin = −1 gives u linear in vin, and bisection solves what is left.
        """
        return _bisect(self._vil_residue, self.vtn, self.switching_threshold)

    @property
    def vih(self) -> float:
        """The upper input of slope −1: by symmetry the VIL of the mirrored inverter."""
        mirrored = Inverter(1.0 / self.ratio, -self.vtp, -self.vtn, self.vdd)
        return self.vdd - mirrored.vil

    def _vil_residue(self, vin: float) -> float:
        overdrive_n, overdrive_p = vin - self.vtn, self.vdd - vin + self.vtp
        # d/dvin: overdrive_n = ratio·(−u + (overdrive_p − u)·du/dvin), with du/dvin = +1.
        u = (overdrive_p - overdrive_n / self.ratio) / 2.0
        return overdrive_n**2 - self.ratio * (2.0 * overdrive_p * u - u * u)


def _bisect(f: object, low: float, high: float) -> float:
    assert callable(f)
    for _ in range(200):
        middle = (low + high) / 2.0
        if f(low) * f(middle) <= 0.0:
            high = middle
        else:
            low = middle
    return (low + high) / 2.0
