"""Pictures of a fit. The only module that imports matplotlib, and never its pyplot.

Figures are made without pyplot, so that the user's backend and open figures are left alone.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from sciad.fit.uncertainty import Band

if TYPE_CHECKING:
    from sciad.fit.result import FitResult

__all__ = ["draw_fit", "plot_fit"]

# Okabe and Ito, Color Universal Design (2008), the darker ones first: safe for colour-blind readers
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
COLUMNS = 2
CURVE_POINTS = 400

CAPTION = (
    "bands: pointwise, first-order propagation of the parameters' covariance (delta method); "
    "grey: range of 95 % of standard normal residuals"
)

STYLE: dict[Any, Any] = {
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "xtick.direction": "out",
    "ytick.direction": "out",
}


def plot_fit(
    result: "FitResult",
    path: str | Path,
    *,
    level: float = 0.95,
    title: str | None = None,
    colors: Mapping[str, str] | None = None,
    log: bool = False,
) -> Path:
    """Save the picture of a fit; see `FitResult.plot`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = draw_fit(result, level=level, title=title, colors=colors, log=log)
    figure.savefig(path, dpi=200)
    return path


@rc_context(STYLE)
def draw_fit(
    result: "FitResult",
    *,
    level: float = 0.95,
    title: str | None = None,
    colors: Mapping[str, str] | None = None,
    log: bool = False,
) -> Figure:
    """Draw the same picture as a matplotlib figure, for those who want to change or embed it."""
    names = list(result.problem.data)
    columns = min(COLUMNS, len(names))
    rows = -(-len(names) // columns)
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.05)
    figure = Figure(figsize=(4.6 * columns + 0.4, 4.3 * rows + 0.5), layout=layout)
    panels = np.ravel(figure.subfigures(rows, columns, squeeze=False))
    chosen = {name: COLORS[i % len(COLORS)] for i, name in enumerate(names)} | dict(colors or {})
    curves = result.predict({name: _grid(result, name) for name in names}, level=level)
    for panel, name in zip(panels, names, strict=False):
        upper, lower = panel.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
        if log:
            upper.set_yscale("log")
        _draw_curve(upper, result, name, curves[name], chosen[name], level)
        _draw_residuals(lower, result, name, chosen[name])
        panel.align_ylabels([upper, lower])
    figure.suptitle(title or _title(result), x=0.02, ha="left", fontsize=11.5)
    # one panel is too narrow for the whole line
    caption = CAPTION if columns > 1 else CAPTION.replace("; ", ";\n")
    figure.supxlabel(caption, x=0.98, ha="right", fontsize=7.5, color="0.35")
    return figure


def _title(result: "FitResult") -> str:
    return f"Maximum-likelihood fit of {result.problem.simulation.name}"


def _grid(result: "FitResult", name: str) -> np.ndarray:
    last = float(result.problem.data[name].time[-1])
    return np.linspace(result.problem.simulation.t0, last, CURVE_POINTS)


def _draw_curve(
    axes: Axes, result: "FitResult", name: str, band: Band, color: str, level: float
) -> None:
    series, model = result.problem.data[name], result.problem.noise[name]
    percent = f"{100 * level:g} %"
    typical = "median" if model.positive else "mean"
    if np.any(np.isfinite(band.lower_new)):
        axes.fill_between(
            band.time,
            band.lower_new,
            band.upper_new,
            color=color,
            alpha=0.14,
            linewidth=0,
            label=f"{percent} band of new measurements",
        )
    if np.any(np.isfinite(band.lower)):
        axes.fill_between(
            band.time,
            band.lower,
            band.upper,
            color=color,
            alpha=0.38,
            linewidth=0,
            label=f"{percent} band of the curve",
        )
    axes.plot(band.time, band.curve, color=color, linewidth=1.6, label=f"fitted {typical}")
    axes.plot(
        series.time,
        series.value,
        "o",
        markersize=4.6,
        markerfacecolor="white",
        markeredgecolor="black",
        markeredgewidth=1.0,
        label="measured",
        zorder=3,
    )
    axes.set_title(name)
    axes.set_ylabel(_labelled(name, result.problem.data.units.get(name, "")))
    _leave_room_for_legend(axes, positive=model.positive)
    axes.legend(loc="upper right", ncols=2, columnspacing=1.2, handlelength=1.6, reverse=True)


def _leave_room_for_legend(axes: Axes, positive: bool) -> None:
    low, high = axes.get_ylim()
    if axes.get_yscale() == "log":
        axes.set_ylim(low, high * (high / low) ** 0.2)
        return
    low = 0.0 if positive else low
    axes.set_ylim(low, high + 0.2 * (high - low))


def _draw_residuals(axes: Axes, result: "FitResult", name: str, color: str) -> None:
    problem = result.problem
    begin = 0
    for other, series in problem.data.items():
        if other == name:
            break
        begin += series.time.size
    series = problem.data[name]
    values = result.residuals[begin : begin + series.time.size]
    axes.axhspan(-1.96, 1.96, color="black", alpha=0.06, linewidth=0)
    axes.axhline(0.0, color="black", linewidth=0.8)
    axes.vlines(series.time, 0.0, values, color=color, linewidth=1.2)
    axes.plot(series.time, values, "o", markersize=4.0, color=color)
    reach = 1.15 * max(2.4, float(np.max(np.abs(values))))
    axes.set_ylim(-reach, reach)
    axes.set_yticks([-2, 0, 2])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=_whole(series.time)))
    axes.set_xlabel(_labelled("time", problem.data.units.get("time", "")))
    axes.set_ylabel(
        "residual / $\\sigma$" if not problem.noise[name].positive else "log residual / $\\sigma$"
    )


def _whole(times: np.ndarray) -> bool:
    return bool(np.all(times == np.round(times)))


def _labelled(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name
