"""The example as its reader runs it: a script that prints a report and saves a picture."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from sciad.datasets import lynx_hare

SCRIPT = Path(__file__).parents[2] / "examples" / "fit_lynx_hare.py"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("output")
    command = [sys.executable, "-W", "error", str(SCRIPT), "--output", str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)


def value_of(text, name):
    """The number after the last occurrence of `name` at the beginning of a line."""
    return float(re.findall(rf"^ +{name} +(\S+)", text, re.MULTILINE)[-1])


def test_it_converges_and_reports(run):
    assert "Fit of lotka_volterra" in run.stdout
    assert "\nconverged" in run.stdout
    for heading in ("What was run", "Statistics", "Parameters", "Correlations", "Notes"):
        assert f"\n{heading}" in run.stdout
    assert re.search(r"starts +8, of which [2-8] reached the best nllh", run.stdout)


def test_it_shows_progress(run):
    assert re.search(r"fit lotka_volterra: .*evaluations, best nllh", run.stderr)


def test_picture_is_where_it_says(run):
    path = Path(re.search(r"^picture: (.+)$", run.stdout, re.MULTILINE).group(1))
    assert path.read_bytes().startswith(b"\x89PNG")


def test_estimates_agree_with_the_published_ones(run):
    """Posterior means are not maxima of a likelihood: within about one standard error."""
    comparison = run.stdout.partition("Beside the published analysis")[2]
    for name, published in lynx_hare().published.items():
        row = re.search(rf"^ +{name} +(\S+) +(\S+) +(\S+)$", comparison, re.MULTILINE)
        here, there, apart = map(float, row.groups())
        assert there == published
        assert abs(apart) < 1.2, name
        assert here == pytest.approx(published, rel=0.15)


#: The maximum of the likelihood found by SciPy alone: DOP853, `lognorm.logpdf`, Nelder-Mead.
REFERENCE = {
    "alpha": 0.540014,
    "beta": 0.0271561,
    "gamma": 0.796599,
    "delta": 0.0237020,
    "hare_0": 34.5992,
    "lynx_0": 5.84374,
    "sigma_hare": 0.218380,
    "sigma_lynx": 0.220084,
}


def test_maximum_of_the_likelihood(run):
    assert value_of(run.stdout, "nllh") == pytest.approx(122.92595, abs=1e-4)
    table = run.stdout.partition("Parameters")[2].partition("Correlations")[0]
    for name, value in REFERENCE.items():
        assert value_of(table, name) == pytest.approx(value, rel=2e-5), name


def test_a_single_start_finds_it_too():
    example = runpy.run_path(str(SCRIPT))
    result = example["fit_series"](n_starts=1, progress=False)
    assert result.success, result.message
    assert result.nllh == pytest.approx(122.92595, abs=1e-5)
    for name, value in REFERENCE.items():
        assert result.params[name].value == pytest.approx(value, rel=1e-5), name
