"""Points without a derivative, or with a formula that divides zero by zero there."""

import math

import numpy as np
import pytest

import sciad
from sciad.core.testing import check_grads

ZERO = np.zeros(2)


def both_modes(f, x):
    """Derivative of a function of one array with one element that counts, in both modes."""
    reverse = sciad.jacobian(f, mode="reverse")(x)
    forward = sciad.jacobian(f, mode="forward")(x)
    np.testing.assert_array_equal(reverse, forward)
    return reverse


SUBGRADIENTS = {
    "abs at 0": (np.abs, 0.0, 0.0),
    "abs at -0": (np.abs, -0.0, 0.0),
    "fabs at 0": (np.fabs, 0.0, 0.0),
    "math.fabs at 0": (math.fabs, 0.0, 0.0),
    "maximum at a tie": (lambda x: np.maximum(x, 1.0), 1.0, 0.5),
    "minimum at a tie": (lambda x: np.minimum(1.0, x), 1.0, 0.5),
    "maximum of itself": (lambda x: np.maximum(x, x), 1.0, 1.0),
    "fmax at a tie": (lambda x: np.fmax(x, 1.0), 1.0, 0.5),
    "fmin of NaN": (lambda x: np.fmin(x, np.nan), 1.0, 1.0),
    "sqrt at 0": (np.sqrt, 0.0, np.inf),
    "cbrt at 0": (np.cbrt, 0.0, np.inf),
    "hypot at 0": (lambda x: np.hypot(x, 0.0), 0.0, 0.0),
    "zeroth power at 0": (lambda x: x**0.0, 0.0, 0.0),
    "zeroth power": (lambda x: np.power(x, 0), 2.0, 0.0),
    "first power at 0": (lambda x: np.power(x, 1.0), 0.0, 1.0),
    "square at 0": (lambda x: x**2, 0.0, 0.0),
    "square by power at 0": (lambda x: np.power(x, 2.0), 0.0, 0.0),
    "half power at 0": (lambda x: x**0.5, 0.0, np.inf),
    "power of zero": (lambda x: 0.0**x, 2.0, 0.0),
    "power of a negative base": (lambda x: np.power(x, 3.0), -2.0, 12.0),
    "sinc at 0": (np.sinc, 0.0, 0.0),
    "sign at 0": (np.sign, 0.0, 0.0),
    "heaviside at 0": (lambda x: np.heaviside(x, 0.5), 0.0, 0.0),
    "copysign at 0": (lambda x: np.copysign(x, 1.0), 0.0, 0.0),
    "clip at its bound": (lambda x: np.clip(x, 0.0, 1.0), 1.0, 1.0),
    "floor at a step": (np.floor, 1.0, 0.0),
    "nextafter": (lambda x: np.nextafter(x, 2.0), 0.5, 1.0),
    "ldexp": (lambda x: np.ldexp(x, 3), 0.0, 8.0),
    "logaddexp of nothing": (lambda x: np.logaddexp(x, -np.inf), 0.3, 1.0),
    "logaddexp below": (lambda x: np.logaddexp(x, 800.0), -1000.0, 0.0),
}


@pytest.mark.parametrize("name", SUBGRADIENTS)
def test_documented_subgradients(name):
    function, x, expected = SUBGRADIENTS[name]
    assert both_modes(function, x) == expected
    if function is not math.fabs:
        np.testing.assert_array_equal(both_modes(function, np.array([x])), [[expected]])


@pytest.mark.parametrize("norm", [np.linalg.norm, lambda v: np.sqrt(np.hypot(*v)) ** 2 * 0.0])
def test_norm_of_zeros(norm):
    if norm is np.linalg.norm:
        np.testing.assert_array_equal(both_modes(norm, ZERO), ZERO)
    else:  # zero times an infinite slope that is not dropped by a selection stays unknown
        assert np.all(np.isnan(both_modes(norm, ZERO)))


@pytest.mark.parametrize("z", [0j, np.complex128(0)])
def test_modulus_and_sign_of_complex_zero(z):
    assert sciad.grad(abs)(z) == 0
    assert sciad.grad(lambda v: np.sign(v).real)(z) == 0


def test_logaddexp_of_two_infinities_is_shared():
    gradients = sciad.grad(np.logaddexp, argnums=(0, 1))(-np.inf, -np.inf)
    assert gradients == (0.5, 0.5)


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (np.sinc, (np.array([0.0, 1e-5, -0.2]),)),
        (np.power, (np.array([0.5, 2.0]), np.array([0.0, 1.0]))),
        (np.logaddexp, (np.array([0.5, 2.0]), np.array([0.5, 2.0]))),
        (np.i0, (np.array([0.0, 1e-5]),)),
        (lambda x: x**2 + x**3, (np.zeros(2),)),
        (lambda z: np.power(z, 2), (np.array([0j, 1j]),)),
    ],
    ids=["sinc at 0", "power to 0", "logaddexp of equals", "i0 at 0", "powers of 0", "complex"],
)
def test_second_derivatives_where_the_formula_has_a_case(function, args):
    """A case of the first derivative that is a constant would lose its own derivative."""
    check_grads(function, args, order=2)


MASKED = {
    "log": lambda x: np.where(x > 0, np.log(x), 0.0),
    "root": lambda x: np.where(x > 0, np.sqrt(x) * x, 1.0),
    "quotient": lambda x: np.where(x > 0, 1.0 / x + np.sin(1 / x), x),
    "power": lambda x: np.where(x > 0, x**0.5, -x),
    "select": lambda x: np.select([x > 1, x > 0], [np.log(x), np.sqrt(x)], 2.0),
    "ufunc where": lambda x: np.log(x, out=np.zeros(3), where=x > 0),
    "maximum": lambda x: np.maximum(np.sqrt(np.maximum(x, 0.0)), 0.5),
    "fmax": lambda x: np.fmax(np.sqrt(x), 0.5),
}


@pytest.mark.parametrize("name", MASKED)
@pytest.mark.filterwarnings("ignore:.*encountered in")
def test_elements_that_a_mask_drops_have_no_derivative(name):
    function, x = MASKED[name], np.array([-1.0, 0.0, 2.0])
    alone = sciad.jacobian(function)(np.array([3.0, 4.0, 2.0]))[2]
    found = both_modes(function, x)
    assert not np.any(np.isnan(found))
    np.testing.assert_array_equal(found[2], alone)
    if name in ("log", "root", "select", "ufunc where", "maximum", "fmax"):
        np.testing.assert_array_equal(found[:2], np.zeros_like(found[:2]))


@pytest.mark.parametrize("function", [MASKED["log"], MASKED["root"], MASKED["maximum"]])
@pytest.mark.filterwarnings("ignore:.*encountered in")
def test_a_number_that_a_mask_drops_has_no_derivative(function):
    assert both_modes(function, 0.0) == 0.0


def test_missing_data_do_not_hide_the_gradient():
    data = np.array([1.0, np.nan, 2.5, np.nan])
    times = np.arange(4.0)

    def misfit(p):
        residual = (p[0] * times + p[1] - data) ** 2
        return np.sum(np.where(np.isnan(data), 0.0, residual))

    def of_the_rest(p):
        seen = ~np.isnan(data)
        return np.sum((p[0] * times[seen] + p[1] - data[seen]) ** 2)

    p = np.array([0.7, 0.2])
    np.testing.assert_allclose(sciad.grad(misfit)(p), sciad.grad(of_the_rest)(p), rtol=1e-14)
    np.testing.assert_allclose(sciad.hessian(misfit)(p), sciad.hessian(of_the_rest)(p), rtol=1e-14)


def test_running_maximum_takes_the_first_of_equals():
    x = np.array([1.0, 3.0, 3.0, 2.0])
    found = both_modes(np.maximum.accumulate, x)
    np.testing.assert_array_equal(found, np.eye(4)[[0, 1, 1, 1]])
    with_nan = np.array([1.0, np.nan, 3.0])
    np.testing.assert_array_equal(both_modes(np.fmax.accumulate, with_nan), np.eye(3)[[0, 0, 2]])
