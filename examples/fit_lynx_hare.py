"""A predator-prey model fitted to the fur trade's records of a century ago.

Fits the Lotka-Volterra equations to the pelts of hare and lynx that the Hudson Bay Company
collected from 1900 to 1920, with log-normal errors and estimated initial numbers, prints the
report, compares with the published analysis, and saves a picture::

    python examples/fit_lynx_hare.py [--output FOLDER] [--starts N]
"""

import argparse
from pathlib import Path

from sciad.datasets import lynx_hare
from sciad.fit import Data, FitResult, LogNormal, Parameter, Parameters, fit


# fmt: off
def lotka_volterra(t, y, p):
    hare, lynx = y
    return [p["alpha"] * hare - p["beta"] * hare * lynx,
            -p["gamma"] * lynx + p["delta"] * hare * lynx]


# Where to start: a cycle of about ten years means alpha * gamma = (2 pi / 10)^2, and the averages
# over a cycle are gamma / delta = 34 for the hares and alpha / beta = 20 for the lynxes.
PARAMETERS = Parameters([
    Parameter("alpha", 0.6, min=0.1, max=3.0, scale="log10", unit="1/year"),
    Parameter("beta", 0.03, min=0.005, max=0.2, scale="log10", unit="1/(year * 1000 lynxes)"),
    Parameter("gamma", 0.6, min=0.1, max=3.0, scale="log10", unit="1/year"),
    Parameter("delta", 0.02, min=0.005, max=0.2, scale="log10", unit="1/(year * 1000 hares)"),
    Parameter("hare_0", 30.0, min=5.0, max=100.0, scale="log10", unit="1000 pelts"),
    Parameter("lynx_0", 4.0, min=1.0, max=50.0, scale="log10", unit="1000 pelts"),
    Parameter("sigma_hare", 0.5, min=0.05, max=2.0, scale="log10"),
    Parameter("sigma_lynx", 0.5, min=0.05, max=2.0, scale="log10"),
])
# fmt: on


def fit_series(n_starts: int, progress: bool | None = None) -> FitResult:
    series = lynx_hare()
    table = {"time": series.year, "hare": series.hare, "lynx": series.lynx}
    return fit(
        lotka_volterra,
        Data(table, units=series.units),
        PARAMETERS,
        y0={"hare": "hare_0", "lynx": "lynx_0"},
        noise=LogNormal(sigma={"hare": "sigma_hare", "lynx": "sigma_lynx"}),
        n_starts=n_starts,
        progress=progress,
    )


def comparison(result: FitResult) -> str:
    lines = [
        "Beside the published analysis (Carpenter 2018, Stan)",
        "  Two different summaries: here the maximum of the likelihood, there the posterior mean",
        "  under weakly informative priors, rounded as published. The difference is given in",
        "  standard errors of this fit.",
        "",
        f"  {'name':<10}  {'here':>9}  {'published':>9}  {'difference':>10}",
    ]
    for name, published in lynx_hare().published.items():
        row = result.params[name]
        apart = "-" if row.stderr is None else f"{(row.value - published) / row.stderr:+.2f}"
        lines.append(f"  {name:<10}  {row.value:>9.4g}  {published:>9g}  {apart:>10}")
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser(description="Fit the lynx-hare series.")
    options.add_argument(
        "--output", type=Path, default=Path("output"), help="folder of the picture"
    )
    options.add_argument("--starts", type=int, default=8, help="start points of the fit")
    chosen = options.parse_args()

    result = fit_series(chosen.starts)
    print(result.fit_report())
    print(comparison(result))
    picture = result.plot(
        chosen.output / "fit_lynx_hare.png",
        title="Lotka-Volterra fitted to the pelts of the Hudson Bay Company",
    )
    print(f"\npicture: {picture.resolve()}")


if __name__ == "__main__":
    main()
