"""Results → figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from spicebuf.api import Api
from spicebuf.entropy import NEAR, UNITS, Profile
from spicebuf.errors import InputError
from spicebuf.search import Edge, Landscape, Sets

# Colour-blind safe (Okabe & Ito, "Color universal design", 2008), one per logical value in turn.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_VIOLATING = "#b0b0b0"

_BROKEN = (0, (8, 2))
_DASHES = ("--", ":", "-.", (0, (1, 3)), (0, (5, 1, 1, 1, 1, 1)))

# Distances of the contours from the maximum of a landscape [nat].
_CONTOURS = (2.0, 1.0, 0.5)

FORMATS = (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class Panel:
    """Transfer curves of one component between its APIs.

    Attributes
    ----------
    title : str
    vin : array of float, shape (n_points,)
        [V]
    satisfying, violating : array of float, shape (n, n_branches, n_points)
        Output voltages [V].
    api_in, api_out : Api
    """

    title: str
    vin: NDArray[np.float64]
    satisfying: NDArray[np.float64]
    violating: NDArray[np.float64]
    api_in: Api
    api_out: Api


def draw_panels(panels: Sequence[Panel], vdd: float, path: Path) -> None:
    """Draw one panel per component side by side and save them (png, svg or pdf by suffix)."""
    mpl.use("agg")
    figure = Figure(figsize=(4.2 * len(panels), 4.2), layout="constrained")
    for axes, panel in zip(
        np.atleast_1d(figure.subplots(1, len(panels), squeeze=True)), panels, strict=True
    ):
        _draw(axes, panel, vdd)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize="small")
    figure.savefig(path, dpi=150)


def draw_distances(
    headline: str,
    arms: Mapping[str, NDArray[np.float64]],
    others: Mapping[str, NDArray[np.float64]],
    near: float,
    path: Path,
) -> None:
    """Draw which share of solutions ended within each distance of the greatest log volume, and save it.

    Parameters
    ----------
    headline : str
        The arm to stand out.
    arms, others : mapping of str to array of float, shape (n,)
        Distances [nat] by name, of training runs, and of what they are compared with.
    near : float
        [nat]
    path : Path
        Ends as `draw_panels` says.
    """
    mpl.use("agg")
    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    axes = figure.subplots()
    finite = np.concatenate(
        [each[np.isfinite(each)] for each in (*arms.values(), *others.values())]
    )
    most = max(2.0 * near, float(finite.max(initial=0.0)))
    colors = dict(zip(arms, _COLORS * len(arms), strict=False))
    for k, (name, delta) in enumerate(arms.items()):
        # Where colours come again, lines are broken.
        look = {"color": colors[name], "linestyle": "-" if k < len(_COLORS) else _BROKEN}
        _draw_shares(axes, delta, most, name, linewidth=2.5 if name == headline else 1.0, **look)
    for (name, delta), style in zip(others.items(), _DASHES, strict=False):
        _draw_shares(axes, delta, most, name, color="black", linewidth=1.5, linestyle=style)
    axes.axvline(near, color=_VIOLATING, linewidth=0.8, zorder=0, label=f"near: {near:g} nat")
    axes.set(
        xlabel="distance from the greatest log volume [nat]",
        ylabel="share of solutions within it",
        xlim=(0.0, most),
        ylim=(0.0, 1.02),
    )
    axes.legend(fontsize="small", loc="lower right")
    figure.savefig(path, dpi=150)


def _draw_shares(
    axes: Axes,
    delta: NDArray[np.float64],
    most: float,
    label: str,
    **style: Any,  # noqa: ANN401 (matplotlib's)
) -> None:
    x = np.sort(np.where(np.isfinite(delta), np.maximum(delta, 0.0), 2.0 * most))
    shares = np.arange(1, len(x) + 1) / max(1, len(x))
    axes.step([0.0, *x], [0.0, *shares], where="post", label=label, **style)


def require_format(path: Path) -> None:
    """Raise InputError if figures cannot be saved under such a name."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"figure {path}: its name must end in {', '.join(FORMATS)}")


def draw_profiles(profiles: Mapping[str, Profile], loss: str, unit: str, path: Path) -> None:
    """Draw log volumes and their slopes against ε, one column for each named profile, and save them.

    `path` ends as `draw_panels` says; `loss` is the unit of ε; `unit` is ``"nat"`` or ``"bit"``.
    """
    mpl.use("agg")
    figure = Figure(figsize=(4.2 * len(profiles), 5.6), layout="constrained")
    rows = figure.subplots(2, len(profiles), squeeze=False, sharex="col")
    for (name, profile), volumes, slopes in zip(profiles.items(), *rows, strict=True):
        _draw_volumes(volumes, profile, unit)
        _draw_slopes(slopes, profile)
        volumes.set(title=name, xscale="log", ylabel=f"log V(ε) [{unit}]")
        slopes.set(xscale="log", xlabel=f"ε [{loss}]", ylabel="slope d log V / d log ε")
    figure.savefig(path, dpi=150)


def _draw_volumes(axes: Axes, profile: Profile, unit: str) -> None:
    scale = UNITS[unit]
    known = np.isfinite(profile.log_volume)
    volume, limits = profile.log_volume[known] / scale, profile.interval[known].T / scale
    reach = np.maximum(0.0, [volume - limits[0], limits[1] - volume])
    reach[~np.isfinite(reach)] = 0.0
    axes.errorbar(profile.epsilon[known], volume, reach, color=_COLORS[0], marker=".", capsize=2)


def _draw_slopes(axes: Axes, profile: Profile) -> None:
    middle = np.sqrt(profile.epsilon[1:] * profile.epsilon[:-1])
    value = np.array([slope.value for slope in profile.slope])
    limits = np.array([slope.interval for slope in profile.slope]).T
    axes.errorbar(
        middle, value, np.abs(limits - value), color=_COLORS[1], marker=".", capsize=2, linestyle=""
    )
    if profile.learning is not None:
        ends = profile.epsilon[0] * np.array([1.0, NEAR])
        label = "near the least ε"
        axes.fill_between(ends, *profile.learning.interval, color=_COLORS[2], alpha=0.3)
        axes.plot(ends, [profile.learning.value] * 2, color=_COLORS[2], label=label)
        axes.legend(fontsize="small")


def draw_landscape(
    landscape: Landscape, vdd: float, labels: Sequence[str], path: Path, api: Api | None = None
) -> None:
    """Draw the greatest log volume over two edges, between the rails 0 and `vdd` [V], and save it.

    The map is blank where no API admits anything. `labels` name the logical values; the edges of `api`
    are marked. `path` ends as `draw_panels` says.

    Raises
    ------
    InputError
        If the intervals of `api` do not follow one another in the order of the landscape's.
    """
    mpl.use("agg")
    figure = Figure(figsize=(6.0, 5.2), layout="constrained")
    axes = figure.subplots()
    x, y = (_edge_name(edge, landscape.pattern, labels) for edge in landscape.edges)
    order = ", ".join(labels[label] for label in landscape.pattern)
    limits = (-0.02 * vdd, 1.02 * vdd)
    axes.set(xlabel=x, ylabel=y, title=f"intervals, ascending: {order}", aspect="equal")
    axes.set(xlim=limits, ylim=limits, facecolor="white")
    _draw_map(figure, axes, landscape)
    _mark_edges(axes, landscape, labels, api)
    figure.savefig(path, dpi=150)


def _edge_name(edge: Edge, pattern: Sequence[int], labels: Sequence[str]) -> str:
    side = "upper" if edge.is_upper else "lower"
    which = f"interval {edge.number} of " if pattern.count(edge.label) > 1 else ""
    return f"{side} edge of {which}logical {labels[edge.label]} [V]"


def _draw_map(figure: Figure, axes: Axes, landscape: Landscape) -> None:
    volume = np.ma.masked_invalid(landscape.log_volume.T)
    if volume.mask.all():
        axes.text(0.5, 0.5, "no API admits anything", transform=axes.transAxes, ha="center")
        return
    colors = axes.pcolormesh(*landscape.axes, volume, cmap="viridis", shading="nearest")
    figure.colorbar(colors, label="greatest log volume [nat]")
    if min(volume.shape) > 1:
        _draw_contours(axes, landscape, volume)


def _draw_contours(axes: Axes, landscape: Landscape, volume: np.ma.MaskedArray) -> None:
    names = {
        float(volume.max()) - distance: f"−{distance:g}"
        for distance in _CONTOURS
        if distance < np.ptp(volume)
    }
    if not names:
        return
    lines = axes.contour(
        *landscape.axes, volume, list(names), colors="black", linewidths=0.7, linestyles="solid"
    )
    axes.clabel(lines, fmt=dict(zip(lines.levels, names.values(), strict=True)), fontsize="x-small")
    axes.plot([], [], color="black", linewidth=0.7, label="so many nat from the maximum")


def _mark_edges(axes: Axes, landscape: Landscape, labels: Sequence[str], api: Api | None) -> None:
    """Mark the two edges of the best API, and of a given one."""
    if landscape.best is not None:
        x, y = (edge.of(landscape.best) for edge in landscape.edges)
        most = f"maximum, {landscape.log_volume.max():.3f} nat".replace("-", "−")
        axes.plot(x, y, "*", color=_COLORS[1], mec="white", markersize=14, label=most, zorder=4)
    if api is not None:
        x, y = (edge.of(_sets_of(api, landscape.pattern, labels)) for edge in landscape.edges)
        axes.plot(x, y, "D", color="white", mec="black", markersize=7, label=api.name, zorder=4)
    if landscape.best is not None or api is not None:
        axes.figure.legend(loc="outside lower center", ncols=3, fontsize="small")


def _sets_of(api: Api, pattern: Sequence[int], labels: Sequence[str]) -> Sets:
    """Return the intervals of an API, which must follow one another as in a pattern."""
    sets = tuple(api.sets[name].intervals if name in api.sets else () for name in labels)
    order = sorted((interval, label) for label, each in enumerate(sets) for interval in each)
    if tuple(label for _, label in order) != tuple(pattern):
        wanted = ", ".join(labels[label] for label in pattern)
        raise InputError(
            f"API {api.name!r}: its intervals do not follow one another in the order {wanted} of the "
            "landscape; leave it out or ask for a landscape of its order"
        )
    return sets


def _draw(axes: Axes, panel: Panel, vdd: float) -> None:
    _draw_curves(axes, panel.vin, panel.violating, color=_VIOLATING, width=0.5, order=1)
    for index, (logic, voltages) in enumerate(panel.api_in.sets.items()):
        color = _COLORS[index % len(_COLORS)]
        label = f"logical {logic}"
        for left, right in voltages.intervals:
            for bottom, top in panel.api_out.sets[logic].intervals:
                corner, width, height = (left, bottom), right - left, top - bottom
                axes.add_patch(
                    Rectangle(
                        corner,
                        width,
                        height,
                        facecolor=color,
                        edgecolor=color,
                        alpha=0.25,
                        zorder=2,
                        label=label,
                    )
                )
                label = ""
    _draw_curves(axes, panel.vin, panel.satisfying, color="black", width=0.8, order=3)
    margin = 0.02 * vdd
    axes.set(
        title=panel.title,
        xlabel=f"input [V], {panel.api_in.name}",
        ylabel=f"output [V], {panel.api_out.name}",
        xlim=(-margin, vdd + margin),
        ylim=(-margin, vdd + margin),
        aspect="equal",
    )


def _draw_curves(
    axes: Axes,
    vin: NDArray[np.float64],
    curves: NDArray[np.float64],
    *,
    color: str,
    width: float,
    order: int,
) -> None:
    for branches in curves:
        for branch, style in zip(branches, ("-", "--"), strict=False):
            axes.plot(vin, branch, style, color=color, linewidth=width, alpha=0.6, zorder=order)
