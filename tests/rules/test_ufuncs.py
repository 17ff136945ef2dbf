"""Ufuncs called from code that sciad does not rewrite, their options, errors as in NumPy."""

import numpy as np
import pytest

import sciad
from sciad.core.errors import LostDerivativeError
from sciad.core.testing import check_grads

X = np.array([0.3, 1.1, 0.7, 0.9])
M = np.array([[0.3, 1.1, 0.7], [0.9, 0.4, 1.2]])


def compiled(source):
    """Function of x from text, whose calls nobody rewrites: only the protocols of NumPy help."""
    scope = {"np": np}
    exec(compile(f"def f(x):\n    return {source}", "<no file>", "exec"), scope)
    return scope["f"]


UNSEEN = [
    "np.add.reduce(x, axis=0) * np.multiply.reduce(x)",
    "np.maximum.reduce(x, keepdims=True) + np.minimum.reduce(x)",
    "np.hypot.reduce(x) + np.logaddexp.reduce(x, axis=-1)",
    "np.subtract.reduce(x, initial=2.0) + np.fmax.reduce(x)",
    "np.add.reduce(x, where=[True, False, True, True])",
    "np.maximum.accumulate(x) * np.minimum.accumulate(x) + np.add.accumulate(x)",
    "np.divide.accumulate(x) + np.multiply.accumulate(x) * np.hypot.accumulate(x)",
    "np.add.reduceat(x, [0, 2]) * np.logaddexp.reduceat(x, [1, 0])",
    "np.multiply.outer(x, x) + np.subtract.outer(x, [1.0, 2.0, 3.0, 4.0])",
    "np.divmod(x, 0.4)[1] * np.modf(3 * x)[0] + np.frexp(x)[0] + np.ldexp(x, 2)",
    "np.exp(x, where=True, dtype=float, casting='unsafe', order='F') + np.float_power(x, 2)",
    "np.vecdot(x, x) * np.matmul(x, x)" if hasattr(np, "vecdot") else "np.matmul(x, x)",
    "np.sum(x) + np.cumsum(x) + np.interp(x, [0.0, 2.0], [1.0, 3.0]) + np.convolve(x, x)[:4]",
    "np.einsum('i,i', x, x) + np.kron(x, x)[:4] + np.linspace(x, 1, 4)[1] + np.i0(x) * np.sinc(x)",
    "np.greater(x, 0.5) * x + np.sign(x) * np.floor(x) + np.isfinite(x) * x",
]


@pytest.mark.parametrize("source", UNSEEN)
def test_calls_that_nobody_rewrites(source):
    function = compiled(source)
    value, _ = sciad.vjp(function, X)
    np.testing.assert_array_equal(value, function(X))
    check_grads(function, (X,), order=2)


def test_a_sum_of_many_at_few_places():
    places = np.arange(40) % 3

    def histogram(weights):
        made = np.zeros(3)
        np.add.at(made, places, weights)
        np.subtract.at(made, places[:20], weights[:20] ** 2)
        return made**2

    weights = np.linspace(0.1, 1.0, 40)
    np.testing.assert_allclose(sciad.vjp(histogram, weights)[0], histogram(weights), rtol=1e-15)
    check_grads(histogram, (weights,), order=2)


def test_at_changes_views_and_aliases():
    def f(x):
        made = np.zeros((2, 3))
        row = made[1]
        np.add.at(row, [0, 2, 0], x)
        np.multiply.at(made.T, (slice(None), 1), 2.0)
        return made

    x = np.array([0.5, 1.5, 2.0])
    np.testing.assert_array_equal(sciad.vjp(f, x)[0], f(x))
    check_grads(f, (x,))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.add(x),
        lambda x: np.add(x, x, x, x),
        lambda x: np.add(x, x, bogus=1),
        lambda x: np.exp(x, casting="bogus"),
        lambda x: np.exp(x, order="X"),
        lambda x: np.exp(x, dtype=int, casting="safe"),
        lambda x: np.multiply(x, 1j, out=np.empty(4)),
        lambda x: np.exp(x, out=np.empty(3)),
        lambda x: np.exp(x, out=(np.empty(4), np.empty(4))),
        lambda x: np.exp(x, np.empty(4), out=np.empty(4)),
        lambda x: np.modf(x, out=np.empty(4)),
        lambda x: np.add(x, np.ones(3)),
        lambda x: np.add.reduce(x, axis=1),
        lambda x: np.subtract.reduce(M * x[0], axis=None),
        lambda x: np.subtract.reduce(x, where=x > 0.5),
        lambda x: np.maximum.reduce(x[:0]),
        lambda x: np.add.reduceat(x, [0, 9]),
        lambda x: np.hypot.reduceat(x, [0, 9]),
        lambda x: np.hypot.accumulate(x, axis=2),
        lambda x: np.exp.reduce(x),
        lambda x: np.add.at(x, [9], 1.0),
    ],
)
def test_errors_are_those_of_numpy(call):
    with pytest.raises(Exception) as plain:  # noqa: PT011
        call(X.copy())
    with pytest.raises(plain.type):
        sciad.vjp(call, X)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda x: np.frompyfunc(lambda v: v * v, 1, 1)(x), LostDerivativeError),
        (lambda x: [v * v for v in np.nditer(x)], LostDerivativeError),
        (lambda x: np.exp(x, out=OUTSIDE), LostDerivativeError),
        (lambda x: np.modf(x, out=(OUTSIDE, OUTSIDE)), LostDerivativeError),
        (lambda x: np.add.reduce(M * x[0], axis=0, out=OUTSIDE[:3]), LostDerivativeError),
        (lambda x: np.add.at(OUTSIDE, [0], x[0]), LostDerivativeError),
        (lambda x: np.einsum("i,i->i", x, x, out=OUTSIDE), LostDerivativeError),
    ],
)
def test_what_would_lose_a_derivative_names_the_line(call, error):
    with pytest.raises(error, match=r"test_ufuncs\.py:"):
        sciad.vjp(call, X)


OUTSIDE = np.zeros(4)


def test_elements_that_where_leaves_out_are_not_calculated():
    def f(x):
        return np.log(x, out=np.full(4, 2.0), where=x > 0.5) + np.divide(
            1.0, x - 0.3, out=np.zeros(4), where=x > 0.5
        )

    np.testing.assert_array_equal(sciad.vjp(f, X)[0], f(X))  # and no warning
    assert sciad.jacobian(f)(X)[0].tolist() == [0.0, 0.0, 0.0, 0.0]
    check_grads(f, (X,))


def test_where_without_out_gives_its_elements():
    chosen = np.array([True, False, True, False])
    with np.errstate(all="ignore"):
        value, pullback = sciad.vjp(lambda x: np.exp(x, where=chosen)[chosen], X)
    np.testing.assert_array_equal(value, np.exp(X[chosen]))
    np.testing.assert_array_equal(pullback(np.ones(2))[0], np.where(chosen, np.exp(X), 0.0))


@pytest.mark.parametrize("ufunc", [np.multiply, np.hypot, np.arctan2, np.logaddexp])
def test_random_broadcasts_of_two_arguments(ufunc):
    rng = np.random.default_rng(7)
    shapes = [(), (1,), (3,), (2, 1), (1, 3), (2, 3), (4, 1, 3), (4, 2, 1), (1, 1, 1)]
    for _ in range(8):
        left, right = (shapes[k] for k in rng.integers(len(shapes), size=2))
        check_grads(ufunc, (rng.uniform(0.5, 1.5, left), rng.uniform(0.5, 1.5, right)), order=1)
    empty = np.ones((0, 3))
    gradients = sciad.grad(lambda a, b: np.sum(ufunc(a, b)), argnums=(0, 1))(empty, np.ones(3))
    assert gradients[0].shape == (0, 3)
    np.testing.assert_array_equal(gradients[1], np.zeros(3))
