import math

import numpy as np
import pytest

from sciad.core.errors import InputError
from sciad.fit import Parameter, Parameters


class FakeTable:
    """As much of a pandas table as is used."""

    columns = ("name", "value", "min")

    def to_dict(self, orient):
        assert orient == "records"
        return [{"name": "k", "value": 2.0, "min": 1.0}]


def table():
    return Parameters(
        [
            Parameter("rate", 10.0, min=0.1, max=1000.0, scale="log10"),
            Parameter("fixed", 7.0, vary=False),
            Parameter("offset", -2.0, min=-5.0),
            Parameter("natural", 2.0, scale="log"),
        ]
    )


def test_axis_and_natural_scale_are_inverse():
    params = table()
    x = params.axis_values()
    np.testing.assert_allclose(x, [1.0, -2.0, math.log(2.0)], rtol=1e-15)
    assert params.natural(x) == pytest.approx(params.valuesdict(), rel=1e-15)


def test_bounds_on_the_axis():
    lower, upper = table().axis_bounds()
    np.testing.assert_allclose(lower, [-1.0, -5.0, -np.inf])
    np.testing.assert_allclose(upper, [3.0, np.inf, np.inf])


def test_slopes_are_the_derivatives_of_the_scales():
    params = table()
    x, h = params.axis_values(), 1e-6
    for i, name in enumerate(params.free):
        step = h * np.eye(x.size)[i]
        difference = params.natural(x + step)[name] - params.natural(x - step)[name]
        assert params.slopes(x)[i] == pytest.approx(difference / (2 * h), rel=1e-8)


def test_logarithmic_scale_implies_positive_bound():
    assert Parameter("k", 1.0, scale="log10").min == 0.0


def test_rows_may_be_mappings_or_a_table():
    assert Parameters([{"name": "k", "value": 2.0, "min": 1.0}])["k"].min == 1.0
    assert Parameters(FakeTable())["k"].value == 2.0
    assert Parameters(table())["rate"] == table()["rate"]


def test_replace_leaves_the_original_alone():
    params = table()
    assert params.replace("rate", value=20.0)["rate"].value == 20.0
    assert params["rate"].value == 10.0


@pytest.mark.parametrize("bound", [0.3, 0.7, 3.0, 7.0, 11.0, 13.0, 1e-5, 2e5])
def test_estimates_stay_within_bounds_in_spite_of_rounding(bound):
    low = Parameters([Parameter("k", 2 * bound, min=bound, scale="log10")])
    high = Parameters([Parameter("k", bound / 2, max=bound, scale="log10")])
    at_low = low.at(low.axis_bounds()[0], {})["k"].value
    at_high = high.at(high.axis_bounds()[1], {})["k"].value
    assert bound <= at_low < bound * (1 + 1e-14)
    assert bound * (1 - 1e-14) < at_high <= bound


def test_repr_evaluates_to_an_equal_table():
    params = table()
    again = eval(repr(params), {"Parameter": Parameter, "Parameters": Parameters, "inf": math.inf})
    assert dict(again) == dict(params)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"name": "k", "value": 1.0, "min": 2.0, "max": 3.0}, r"'k': value 1 lies outside.*\[2, 3"),
        ({"name": "k", "value": 1.0, "min": 1.0, "max": 1.0}, "'k': min = 1 must lie below max"),
        ({"name": "k", "value": 1.0, "min": 2.0, "max": 1.0}, "'k': min = 2 must lie below max"),
        ({"name": "k", "value": -1.0, "scale": "log10"}, "'k': value = -1 cannot lie on a log10"),
        ({"name": "k", "value": 0.0, "scale": "log"}, "'k': value = 0 cannot lie on a log"),
        ({"name": "k", "value": 1.0, "min": -1.0, "scale": "log10"}, "'k': min = -1 cannot lie"),
        ({"name": "k", "value": math.nan}, "'k': value is nan"),
        ({"name": "k", "value": math.inf}, "'k': value is inf"),
        ({"name": "k", "value": 1.0, "max": math.nan}, "'k': max is nan"),
        ({"name": "k", "value": "one"}, "'k': value must be a number, got 'one'"),
        ({"name": "k", "value": 1.0, "scale": "log1O"}, "unknown scale 'log1O'\n.*'log10'"),
        ({"name": "", "value": 1.0}, "non-empty string"),
        ({"name": "k", "value": 1.0, "mni": 0.0}, "unknown column 'mni'\n.*'min'"),
        ({"name": "k"}, "has no 'value'"),
    ],
)
def test_contradictory_rows_are_refused(row, message):
    with pytest.raises(InputError, match=message):
        Parameters([row])


def test_duplicate_names_are_refused():
    with pytest.raises(InputError, match="duplicate parameter name 'k'"):
        Parameters([Parameter("k", 1.0), Parameter("r", 1.0), Parameter("k", 2.0)])


def test_unknown_name_is_explained():
    with pytest.raises(KeyError, match="did you mean 'rate'"):
        table()["rat"]
