import re

import pytest


def row_of(report, name):
    return next(line.split() for line in report.splitlines() if line.split()[:1] == [name])


def test_table_of_parameters_says_what_the_result_holds(decay_fit):
    report = decay_fit.fit_report()
    cells = row_of(report, "k")
    row = decay_fit.params["k"]
    assert float(cells[1]) == pytest.approx(row.value, rel=1e-4)
    assert float(cells[2]) == pytest.approx(row.stderr, rel=0.05)
    assert float(cells[3]) == pytest.approx(100 * row.stderr / row.value, abs=0.06)
    assert cells[4:] == ["%", "1.5", "0.01", "50", "log10", "1/s"]
    assert row_of(report, "c_0")[5:] == ["2", "0", "100", "lin", "mM"]


def test_statistics_and_what_was_run(decay_fit):
    report = decay_fit.fit_report()
    for name, value in (("nllh", decay_fit.nllh), ("AIC", decay_fit.aic), ("BIC", decay_fit.bic)):
        assert float(row_of(report, name)[1]) == pytest.approx(value, abs=1e-4)
    assert report.startswith("Fit of decay\n============\nconverged")
    assert "least_squares, exact Jacobian (forward sensitivities of the accepted steps)" in report
    steps = decay_fit.solver_stats["accepted"]
    assert steps > 5
    assert f"Tsit5, rtol = 1e-08, atol = 1e-08 (compiled, {steps} steps at the esti" in report
    assert re.search(r"effort +\d+ evaluations, \d+ derivatives, \d+\.\d\d s", report)
    assert "25 values (c 25), time 0 to 4 s" in report
    assert "c normal (sigma: 0.05)" in report
    assert f"sciad {decay_fit.versions['sciad']}" in report


def test_correlations_are_sorted_and_cut(prey_fit):
    def listed(text):
        section = text.partition("Correlations")[2].partition("\n\n")[0]
        return [float(line.split()[-1]) for line in section.splitlines()[1:]]

    values = listed(prey_fit.fit_report(min_correl=0.5))
    assert values == sorted(values, key=abs, reverse=True)
    assert min(map(abs, values)) >= 0.5
    assert len(listed(prey_fit.fit_report(min_correl=0.0))) == 28
    assert "Correlations" not in prey_fit.fit_report(min_correl=1.1)


def test_fixed_parameter_is_marked(decay_case):
    from sciad.fit import fit

    params = decay_case.arguments["params"].replace("c_0", value=5.0, vary=False)
    report = fit(**(decay_case.arguments | {"params": params})).fit_report()
    assert row_of(report, "c_0")[:3] == ["c_0", "5.0000", "fixed"]


def test_no_line_ends_in_blanks(prey_fit):
    assert not [line for line in prey_fit.fit_report().splitlines() if line != line.rstrip()]
