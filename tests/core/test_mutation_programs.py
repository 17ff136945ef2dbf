"""Programs that write into arrays (`mutation/`): values, derivatives, second derivatives."""

import numpy as np
import pytest

from sciad import grad, jacobian, jvp, vjp

from .mutation import adopted, algorithms, elements, functions, indices, objects, views

PROGRAMS = {
    name: function
    for module in (views, elements, indices, functions, objects, algorithms, adopted)
    for name, function in module.PROGRAMS.items()
}
X = np.array([0.9, -0.43, 0.71, 1.3])
DIRECTION = np.array([0.3, -1.0, 0.5, 0.8])
#: Weights of a difference quotient of sixth order.
STENCIL = {1: 45.0, 2: -9.0, 3: 1.0}


def differences(f, x, h=1e-3):
    columns = []
    for e in np.eye(x.size):
        terms = [w * (f(x + k * h * e) - f(x - k * h * e)) for k, w in STENCIL.items()]
        columns.append(sum(terms) / (60.0 * h))
    return np.stack(columns, -1)


def test_names_are_unique():
    modules = (views, elements, indices, functions, objects, algorithms, adopted)
    assert len(PROGRAMS) == sum(len(m.PROGRAMS) for m in modules)


@pytest.mark.parametrize("name", PROGRAMS)
def test_value_and_first_derivatives(name):
    f, x = PROGRAMS[name], X.copy()
    expected = f(X.copy())
    value, pullback = vjp(f, x)
    assert (value.shape, value.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(value, expected, rtol=1e-15, atol=1e-15)  # sums of strided rows
    np.testing.assert_array_equal(x, X)
    reverse = jacobian(f, mode="reverse")(X)
    np.testing.assert_allclose(reverse, differences(f, X), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(jacobian(f, mode="forward")(X), reverse, rtol=1e-11, atol=1e-12)
    pullback(np.ones_like(value))
    again = pullback(np.ones_like(value))[0]
    np.testing.assert_allclose(again, reverse.reshape(-1, 4).sum(0), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", PROGRAMS)
def test_second_derivatives(name):
    f = PROGRAMS[name]
    weights = np.cos(np.arange(f(X.copy()).size)).reshape(f(X.copy()).shape)

    def loss(x):
        y = f(x * 1.0)
        return np.sum(weights * y * (1.0 + y))

    def slope(x):
        return jvp(loss, (x,), (DIRECTION,))[1]

    along = differences(lambda t: grad(loss)(X + t[0] * DIRECTION), np.zeros(1))[:, 0]
    found = jvp(grad(loss), (X,), (DIRECTION,))[1]
    np.testing.assert_allclose(found, along, rtol=1e-5, atol=1e-6)
    reverse = grad(lambda x: np.sum(DIRECTION * grad(loss)(x)))(X)
    np.testing.assert_allclose(reverse, found, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(grad(slope)(X), found, rtol=1e-9, atol=1e-9)
    forward = jvp(slope, (X,), (DIRECTION,))[1]
    np.testing.assert_allclose(forward, found @ DIRECTION, rtol=1e-9, atol=1e-9)
