"""Types of elements: values as NumPy promotes them, gradients of the type of their argument."""

import numpy as np
import pytest

import sciad

X = np.array([0.3, 0.7, 1.1])
Y = np.array([0.9, 0.4, 0.6])
KINDS = ["float16", "float32", "float64", "longdouble", "complex64", "complex128", "clongdouble"]
REAL = [k for k in KINDS if "complex" not in k and "clong" not in k]

UNARY = [
    "negative",
    "positive",
    "square",
    "reciprocal",
    "sqrt",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sin",
    "cos",
    "tan",
    "arctan",
    "sinh",
    "cosh",
    "tanh",
    "arcsinh",
    "conjugate",
    "absolute",
]
REAL_UNARY = ["cbrt", "deg2rad", "rad2deg", "fabs", "sinc", "floor", "sign"]
BINARY = ["add", "subtract", "multiply", "divide", "power"]
REAL_BINARY = [
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "hypot",
    "arctan2",
    "logaddexp",
    "logaddexp2",
    "remainder",
    "fmod",
    "copysign",
    "floor_divide",
    "float_power",
]

OTHER = {
    "sum": lambda a, b: np.sum(a * b),
    "mean": lambda a, b: np.mean(a * b, keepdims=True),
    "prod": lambda a, b: np.prod(a) * b,
    "cumsum": lambda a, b: np.cumsum(a) * b,
    "max": lambda a, b: np.max(a) * b,
    "matmul": lambda a, b: a[None] @ b[:, None],
    "where": lambda a, b: np.where(a > b, a, b),
    "stack": lambda a, b: np.stack([a, b]),
    "index": lambda a, b: a[1:] * b[[0, 0]],
    "clip": lambda a, b: np.clip(a, 0.4, 1.0) * b,
    "convolve": np.convolve,
    "interp": lambda a, b: np.interp(a, [0.0, 0.5, 2.0], b),
    "reduce": lambda a, b: np.logaddexp.reduce(a) * b,
    "accumulate": lambda a, b: np.maximum.accumulate(a) * b,
    "einsum": lambda a, b: np.einsum("i,j->ij", a, b),
    "python numbers": lambda a, b: 2 * a**2 + 0.5 / b - 1,
    "single number": lambda a, b: a * np.float32(0.5) + b,
    "double number": lambda a, b: a * np.float64(0.5) + b,
    "integer array": lambda a, b: a * np.arange(3) + b,
    "small integers": lambda a, b: a * np.arange(3, dtype=np.int8) + b,
    "mask": lambda a, b: a * (a > b) + b,
    "single array": lambda a, b: a * np.ones(3, np.float32) + b,
    "filled buffer": lambda a, b: _filled(a, b),
    "elements": lambda a, b: a[0] * b[1] + 2.0,
    "vectorize": lambda a, b: np.vectorize(lambda s, t: s * t + 1.0)(a, b),
}
#: These have no version for the types on the right in NumPy itself, or compare complex numbers.
_REAL_ONLY = {"max", "where", "clip", "interp", "reduce", "accumulate", "mask"}
_NOT_IN_NUMPY = {("interp", "longdouble")}


def _filled(a, b):
    made = np.zeros(3, a.dtype)
    made[0] = a[0]
    made[1:] = b[1:]
    return made * a


def _cases():
    for kind in KINDS:
        for name in [*UNARY, *(REAL_UNARY if kind in REAL else [])]:
            yield pytest.param(getattr(np, name), 1, kind, id=f"{name}-{kind}")
        for name in [*BINARY, *(REAL_BINARY if kind in REAL else [])]:
            yield pytest.param(getattr(np, name), 2, kind, id=f"{name}-{kind}")
        for name, function in OTHER.items():
            if (kind in REAL or name not in _REAL_ONLY) and (name, kind) not in _NOT_IN_NUMPY:
                yield pytest.param(function, 2, kind, id=f"{name}-{kind}")


def _inputs(kind, count):
    turned = 1.0 if kind in REAL else 0.8 + 0.6j
    return tuple((v * turned).astype(kind) for v in (X, Y)[:count])


def _weighted(function):
    return lambda *args: np.sum(np.real(function(*args))) * 1.0


@pytest.mark.parametrize(("function", "count", "kind"), list(_cases()))
def test_value_and_derivatives_have_the_types_of_the_plain_program(function, count, kind):
    args = _inputs(kind, count)
    expected = function(*args)
    value, pullback = sciad.vjp(function, *args)
    assert np.asarray(value).dtype == np.asarray(expected).dtype
    np.testing.assert_array_equal(value, expected)
    _, tangent = sciad.jvp(function, args, tuple(np.ones_like(a) for a in args))
    assert np.asarray(tangent).dtype == np.asarray(expected).dtype
    numbers = tuple(range(count))
    found = sciad.grad(_weighted(function), argnums=numbers)(*args)
    double = "complex128" if kind not in REAL else "float64"
    reference = sciad.grad(_weighted(function), argnums=numbers)(*_inputs(double, count))
    tolerance = 100 * float(np.finfo(kind).eps) + 1e-13
    if "single" in str(function.__name__):
        tolerance += 1e-6
    for gradient, exact, arg in zip(found, reference, args, strict=True):
        assert gradient.dtype == arg.dtype
        np.testing.assert_allclose(gradient, exact.astype(kind), rtol=tolerance, atol=tolerance)
    assert all(c.dtype == a.dtype for c, a in zip(pullback(expected), args, strict=True))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble])
def test_numbers_of_numpy_as_inputs(kind):
    x = kind(0.75)
    value, gradient = sciad.value_and_grad(lambda v: np.sin(v) * v + 1)(x)
    assert type(value) is kind
    assert type(gradient) is kind
    np.testing.assert_allclose(
        float(gradient),
        np.sin(0.75) + 0.75 * np.cos(0.75),
        rtol=4 * float(np.finfo(kind).eps) + 1e-15,
    )


@pytest.mark.parametrize(
    ("number", "expected"),
    [(2.0, np.float32), (np.float64(2.0), np.float64), (np.float32(2.0), np.float32)],
)
def test_a_traced_number_of_python_is_weak(number, expected):
    single = np.ones(3, np.float32)

    def f(s):
        return single * s

    assert f(number).dtype == expected
    value, pullback = sciad.vjp(f, number)
    assert value.dtype == expected
    (gradient,) = pullback(np.ones(3, expected))
    assert type(gradient) is type(number)
    assert gradient == 3.0
    assert sciad.jvp(f, (number,), (type(number)(1.0),))[1].dtype == expected


def test_integer_arguments_among_others_are_passed_through():
    def f(x, n, mask):
        return np.sum(x**n * mask) + n.sum() + np.bitwise_and(n, 1).sum()

    n, mask = np.array([1, 2, 3]), np.array([True, False, True])
    value, gradient = sciad.value_and_grad(f)(X, n, mask)
    assert value == f(X, n, mask)
    np.testing.assert_allclose(gradient, n * X ** (n - 1) * mask, rtol=1e-14)


def test_second_derivatives_in_single_precision():
    found = sciad.hessian(lambda v: np.sum(np.exp(v) * v[0]))(X.astype(np.float32))
    reference = sciad.hessian(lambda v: np.sum(np.exp(v) * v[0]))(X)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reference, rtol=1e-5)
