"""Random shapes and types: broadcasting, products and reductions, empty arrays too.

Value, shape, type and error are those of the plain program; products from the right and from the
left agree to rounding (the dot-product test); where a function is analytic, the product from the
right is the imaginary part at a complex step.
"""

import functools
import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

import sciad

REAL = (np.float64, np.float32)
COMPLEX = (np.complex128, np.complex64)
CONSTANT = (np.int64, np.bool_, np.uint8)

ANALYTIC = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "power": np.power,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
}
REAL_ONLY = {
    "arctan2": np.arctan2,
    "hypot": np.hypot,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "fmax": np.fmax,
    "fmin": np.fmin,
    "logaddexp": np.logaddexp,
    "remainder": np.remainder,
    "fmod": np.fmod,
    "copysign": np.copysign,
    "%": operator.mod,
}

seeds = st.integers(0, 2**32 - 1)
pairs_of_shapes = mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=3, max_dims=3)
triples_of_shapes = mutually_broadcastable_shapes(num_shapes=3, min_side=0, max_side=3, max_dims=3)


def draw(rng, shape, dtype):
    """Numbers in (0.5, 1.5), where every function here is smooth; small integers."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "fc":
        return rng.integers(1, 2 if dtype.kind == "b" else 4, shape).astype(dtype)[()]
    values = rng.uniform(0.5, 1.5, shape)
    if dtype.kind == "c":
        values = values + 1j * rng.uniform(-0.5, 0.5, shape)
    return np.asarray(values, dtype)[()]


def inner(a, b):
    """Real inner product, in double precision."""
    return float(np.sum(np.real(np.conj(np.asarray(a, complex)) * np.asarray(b, complex))))


def is_variable(arg):
    return np.asarray(arg).dtype.kind in "fc"


def check(function, args, rng, step=None, rounded=False):
    """Compare a function of some arrays with the plain program, and its products with each other.

    `step` is the function to take a complex step with, if it is analytic. A result that is
    `rounded` differs from the plain one in the last digits, where terms are added in another order.
    """
    numbers = [k for k, arg in enumerate(args) if is_variable(arg)]
    variables = [args[k] for k in numbers]

    def part(*values):
        full = list(args)
        for k, value in zip(numbers, values, strict=True):
            full[k] = value
        return function(*full)

    try:
        expected = part(*variables)
    except (ValueError, IndexError, TypeError, ZeroDivisionError) as error:
        with pytest.raises(type(error)):
            sciad.vjp(part, *variables)
        return
    if isinstance(expected, tuple) or np.asarray(expected).dtype.kind not in "fc":
        return
    value, pullback = sciad.vjp(part, *variables)
    assert_alike(value, expected)
    kinds = [np.asarray(v).dtype for v in [*variables, expected]]
    eps = max(np.finfo(kind).eps for kind in kinds)
    precision = 16 * eps if rounded else 0.0
    np.testing.assert_allclose(value, expected, rtol=precision, atol=precision)
    directions = [draw(rng, np.shape(v), np.asarray(v).dtype) for v in variables]
    weights = draw(rng, np.shape(expected), np.asarray(expected).dtype)
    again, tangent = sciad.jvp(part, tuple(variables), tuple(directions))
    np.testing.assert_array_equal(again, value)
    if np.any(np.isnan(expected)):  # the mean of nothing
        return
    assert_alike(tangent, expected)
    cotangents = pullback(weights)
    for cotangent, variable in zip(cotangents, variables, strict=True):
        assert_alike(cotangent, variable)
    size = 1.0 + sum(np.sum(np.abs(p)) for p in (weights, tangent, *cotangents))
    left = inner(weights, tangent)
    right = sum(inner(c, d) for c, d in zip(cotangents, directions, strict=True))
    assert abs(left - right) <= 64 * eps * size
    if step is not None and all(kind == np.float64 for kind in kinds):
        moved = [v + 1e-150j * d for v, d in zip(variables, directions, strict=True)]
        exact = np.imag(part(*moved)) / 1e-150
        np.testing.assert_allclose(tangent, exact, rtol=1e-12, atol=1e-12)


def assert_alike(found, expected):
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(ANALYTIC)), pairs_of_shapes, st.data(), seeds)
def test_analytic_functions(name, shapes, data, seed):
    rng = np.random.default_rng(seed)
    kinds = data.draw(st.permutations([*REAL, *COMPLEX, *CONSTANT]))
    args = [draw(rng, s, k) for s, k in zip(shapes.input_shapes, kinds, strict=False)]
    check(ANALYTIC[name], args, rng, step=ANALYTIC[name])


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(sorted(ANALYTIC)), pairs_of_shapes, seeds)
def test_analytic_functions_in_double_precision(name, shapes, seed):
    rng = np.random.default_rng(seed)
    args = [draw(rng, shape, np.float64) for shape in shapes.input_shapes]
    check(ANALYTIC[name], args, rng, step=ANALYTIC[name])


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(REAL_ONLY)), pairs_of_shapes, st.data(), seeds)
def test_real_functions(name, shapes, data, seed):
    rng = np.random.default_rng(seed)
    kinds = data.draw(st.lists(st.sampled_from([*REAL, np.int64]), min_size=2, max_size=2))
    args = [draw(rng, s, k) for s, k in zip(shapes.input_shapes, kinds, strict=True)]
    check(REAL_ONLY[name], args, rng)


def products(function, x):
    """Products from the left and from the right, and the derivative at a number."""
    left = sciad.vjp(function, x)[1](x)[0]
    right = sciad.jvp(function, (x,), (x,))[1]
    return left, right


@pytest.mark.parametrize("name", sorted(ANALYTIC | REAL_ONLY))
@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.bool_, np.float32])
@pytest.mark.parametrize("x", [np.array([1.5, 0.7, 2.3]), np.float64(0.7)], ids=["array", "number"])
def test_constants_of_few_bits_are_exact_in_derivatives(name, kind, x):
    # -x of unsigned numbers wraps around, the logarithm of a float32 has seven digits
    function = (ANALYTIC | REAL_ONLY)[name]
    few = np.array([100.0, 3.0, 1.0]).astype(kind)[: np.size(x)].reshape(np.shape(x))[()]
    many = few.astype(np.float64)
    for use in (lambda x, c: function(x, c), lambda x, c: function(c, x)):
        found = products(functools.partial(use, c=few), x)
        expected = products(functools.partial(use, c=many), x)
        np.testing.assert_allclose(found, expected, rtol=1e-14)


@settings(max_examples=50, deadline=None)
@given(triples_of_shapes, st.data(), seeds)
def test_where(shapes, data, seed):
    rng = np.random.default_rng(seed)
    kinds = data.draw(
        st.lists(st.sampled_from([*REAL, *COMPLEX, np.int64]), min_size=2, max_size=2)
    )
    condition = rng.uniform(size=shapes.input_shapes[0]) < 0.5
    args = [draw(rng, s, k) for s, k in zip(shapes.input_shapes[1:], kinds, strict=True)]
    check(lambda a, b: np.where(condition, a, b), args, rng, step=np.where)


@settings(max_examples=50, deadline=None)
@given(triples_of_shapes, st.data(), seeds)
def test_clip(shapes, data, seed):
    rng = np.random.default_rng(seed)
    kinds = data.draw(st.lists(st.sampled_from([*REAL, np.int64]), min_size=3, max_size=3))
    args = [draw(rng, s, k) for s, k in zip(shapes.input_shapes, kinds, strict=True)]
    bounds = data.draw(st.sampled_from(["both", "lower", "upper"]))
    low = None if bounds == "upper" else args[1] * 0.75
    high = None if bounds == "lower" else args[2] * 1.25
    given_bounds = [b for b in (low, high) if b is not None]

    def clipped(a, *rest):
        rest = list(rest)
        return np.clip(
            a, rest.pop(0) if low is not None else None, rest.pop(0) if high is not None else None
        )

    check(clipped, [args[0], *given_bounds], rng)


@st.composite
def factors(draw_from):
    """Shapes that ``matmul`` takes: vectors, matrices, stacks that broadcast; sides may be 0."""
    n, m, k = (draw_from(st.integers(0, 3)) for _ in range(3))
    stacks = draw_from(
        mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=3, max_dims=2)
    ).input_shapes
    left = draw_from(st.sampled_from([(k,), (n, k), (*stacks[0], n, k)]))
    right = draw_from(st.sampled_from([(k,), (k, m), (*stacks[1], k, m)]))
    return left, right


PRODUCTS = {
    "matmul": np.matmul,
    "@": operator.matmul,
    "dot": np.dot,
    "inner": lambda a, b: np.inner(a, np.swapaxes(b, -1, -2) if np.ndim(b) > 1 else b),
    "tensordot": lambda a, b: np.tensordot(a, b, ([-1], [0 if np.ndim(b) == 1 else -2])),
    "outer": np.outer,
    "kron": np.kron,
    "einsum": lambda a, b: np.einsum(
        ("...k" if np.ndim(a) == 1 else "...ik") + "," + ("k" if np.ndim(b) == 1 else "...kj"), a, b
    ),
}


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(sorted(PRODUCTS)), factors(), st.data(), seeds)
def test_products(name, shapes, data, seed):
    rng = np.random.default_rng(seed)
    kinds = data.draw(
        st.lists(st.sampled_from([*REAL, *COMPLEX, np.int64]), min_size=2, max_size=2)
    )
    args = [draw(rng, s, k) for s, k in zip(shapes, kinds, strict=True)]
    check(PRODUCTS[name], args, rng, step=PRODUCTS[name], rounded=True)


@st.composite
def contractions(draw_from):
    """Subscripts of ``einsum`` and the shapes they need."""
    sizes = {label: draw_from(st.integers(0, 3)) for label in "abcd"}
    count = draw_from(st.integers(1, 3))
    terms = [
        "".join(draw_from(st.lists(st.sampled_from("abcd"), min_size=0, max_size=3)))
        for _ in range(count)
    ]
    labels = sorted(set("".join(terms)))
    kept = draw_from(st.lists(st.sampled_from(labels), unique=True)) if labels else []
    # NumPy reads memory that is not the array's for the diagonal of axes of lengths 0 and 1
    empty = lambda term, label: sizes[label] == 0 and term.count(label) > 1
    length = lambda term, label: 1 if draw_from(st.integers(0, 4)) == 0 else sizes[label]
    shapes = [
        tuple(0 if empty(term, label) else length(term, label) for label in term) for term in terms
    ]
    explicit = draw_from(st.booleans())
    return ",".join(terms) + ("->" + "".join(kept) if explicit else ""), shapes


@settings(max_examples=120, deadline=None)
@given(contractions(), st.data(), seeds)
def test_einsum(contraction, data, seed):
    rng = np.random.default_rng(seed)
    subscripts, shapes = contraction
    kinds = data.draw(
        st.lists(
            st.sampled_from([np.float64, np.float64, np.float32, np.complex128, np.int64]),
            min_size=len(shapes),
            max_size=len(shapes),
        )
    )
    args = [draw(rng, s, k) for s, k in zip(shapes, kinds, strict=True)]
    optimize = data.draw(st.sampled_from([False, True]))
    product = lambda *operands: np.einsum(subscripts, *operands, optimize=optimize)
    check(product, args, rng, step=product, rounded=True)


REDUCTIONS = {
    "sum": np.sum,
    "mean": np.mean,
    "prod": np.prod,
    "var": np.var,
    "std": np.std,
    "max": np.max,
    "min": np.min,
    "ptp": np.ptp,
    "median": np.median,
    "nansum": np.nansum,
    "nanmean": np.nanmean,
    "nanmax": np.nanmax,
    "add.reduce": np.add.reduce,
    "multiply.reduce": np.multiply.reduce,
    "method sum": lambda a, **options: a.sum(**options),
    "method mean": lambda a, **options: a.mean(**options),
    "method max": lambda a, **options: a.max(**options),
    "average": np.average,
}
ACCUMULATIONS = {
    "cumsum": np.cumsum,
    "cumprod": np.cumprod,
    "diff": lambda a, axis: np.diff(a, axis=-1 if axis is None else axis),
    "sort": np.sort,
    "flip": np.flip,
    "gradient": lambda a, axis: np.gradient(a, axis=axis),
}
ALIKE = frozenset({"sum", "mean", "prod", "add.reduce", "multiply.reduce", "cumsum", "cumprod"})


@st.composite
def arrays(draw_from, kinds):
    shape = tuple(draw_from(st.lists(st.integers(0, 3), min_size=0, max_size=3)))
    return shape, draw_from(st.sampled_from(kinds))


def some_axes(data, rank):
    """None, a number or a tuple of numbers, negative ones too."""
    single = st.integers(-rank, rank - 1)
    several = st.lists(single, unique_by=lambda k: k % rank, min_size=1).map(tuple)
    return data.draw(st.one_of(st.none(), single, several)) if rank else None


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(REDUCTIONS)), st.data(), seeds)
def test_reductions(name, data, seed):
    rng = np.random.default_rng(seed)
    shape, kind = data.draw(arrays([np.float64, np.float64, np.float32, np.complex128]))
    if np.dtype(kind).kind == "c" and name not in ALIKE:
        kind = np.float64
    options = {"axis": some_axes(data, len(shape))}
    if name == "multiply.reduce" and len(shape) != 1:
        options["axis"] = data.draw(st.integers(-len(shape), len(shape) - 1)) if shape else None
    if data.draw(st.booleans()):
        options["keepdims"] = True
    array = draw(rng, shape, kind)
    if isinstance(array, np.generic) and name.startswith("method"):
        array = np.asarray(array)
    reduction = lambda a: REDUCTIONS[name](a, **options)
    analytic = name in ALIKE or name == "var"
    check(reduction, [array], rng, step=reduction if analytic and name != "var" else None)


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["sum", "mean", "prod", "max", "min"]), st.data(), seeds)
def test_reductions_with_where_and_initial(name, data, seed):
    rng = np.random.default_rng(seed)
    shape, kind = data.draw(arrays([np.float64, np.float32]))
    options = {"axis": some_axes(data, len(shape)), "keepdims": data.draw(st.booleans())}
    if name != "mean":
        options["initial"] = data.draw(st.sampled_from([0.75, 2.0]))
    if data.draw(st.booleans()):
        options["where"] = rng.uniform(size=shape[-1:]) < 0.6
    array = draw(rng, shape, kind)
    check(lambda a: REDUCTIONS[name](a, **options), [array], rng)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(ACCUMULATIONS)), st.data(), seeds)
def test_accumulations(name, data, seed):
    rng = np.random.default_rng(seed)
    shape, kind = data.draw(arrays([np.float64, np.float32, np.complex128]))
    if np.dtype(kind).kind == "c" and name == "sort":
        kind = np.float64
    rank = len(shape)
    axis = data.draw(st.one_of(st.none(), st.integers(-rank, rank - 1))) if rank else None
    if name == "gradient" and axis is None:  # a tuple of arrays otherwise
        axis = rank - 1 if rank else None
    function = lambda a: ACCUMULATIONS[name](a, axis=axis)
    check(function, [draw(rng, shape, kind)], rng, step=function if name in ALIKE else None)
