import copy
import json

import numpy as np
import pytest
from scipy.optimize import OptimizeResult

from sciad.fit import FitResult


def test_is_an_optimize_result(decay_fit):
    assert isinstance(decay_fit, OptimizeResult)
    assert decay_fit["nllh"] == decay_fit.nllh == decay_fit.fun
    assert decay_fit.jac.shape == (25, 2)
    np.testing.assert_allclose(decay_fit.jac.T @ decay_fit.residuals, decay_fit.grad, atol=1e-9)
    assert repr(decay_fit).startswith("FitResult(k=0.7")
    assert str(decay_fit) == decay_fit.fit_report()


def test_versions_and_solver_are_recorded(decay_fit):
    assert decay_fit.versions["numpy"] == np.__version__
    assert set(decay_fit.versions) == {"sciad", "python", "numpy", "scipy", "numba"}
    assert decay_fit.solver == {"method": "Tsit5", "rtol": 1e-8, "atol": 1e-8}


def test_json_round_trip(prey_fit, tmp_path):
    text = prey_fit.to_json(tmp_path / "fit.json")
    assert (tmp_path / "fit.json").read_text(encoding="utf-8") == text
    again = json.loads(text)
    assert again == prey_fit.to_dict()
    assert again["params"][0]["name"] == "alpha"
    assert again["params"][0]["value"] == prey_fit.params["alpha"].value
    np.testing.assert_array_equal(again["covar"], prey_fit.covar)
    assert again["success"] is True
    assert again["nfev"] == prey_fit.nfev


def test_json_is_strict_where_nothing_is_determined(decay_case):
    from sciad.fit import Parameter, Parameters, fit

    params = Parameters([*decay_case.arguments["params"].values(), Parameter("idle", 3.0)])
    result = fit(**(decay_case.arguments | {"params": params}))
    again = json.loads(result.to_json(), parse_constant=lambda name: pytest.fail(name))
    idle = again["params"][2]
    assert idle["stderr"] is None
    assert idle["min"] is None
    assert again["covar"][2] == [None, None, None]


def test_parameters_can_be_restored_from_json(prey_fit):
    from sciad.fit import Parameters

    rows = json.loads(prey_fit.to_json())["params"]
    assert dict(Parameters(rows)) == dict(prey_fit.params)


def test_copies(prey_fit):
    for again in (copy.copy(prey_fit), copy.deepcopy(prey_fit)):
        assert isinstance(again, FitResult)
        assert again.nllh == prey_fit.nllh
        assert again.to_json() == prey_fit.to_json()


def test_correlations(prey_fit):
    table = prey_fit.correlations
    np.testing.assert_allclose(np.diag(table), 1.0)
    assert np.all(np.abs(table) <= 1 + 1e-12)
    i, j = prey_fit.params.free.index("alpha"), prey_fit.params.free.index("gamma")
    assert table[i, j] < -0.8
