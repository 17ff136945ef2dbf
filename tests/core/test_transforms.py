import collections
import dataclasses
import math

import numpy as np
import pytest

import sciad
from sciad import InputError, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from sciad.core.testing import check_grads

Point = collections.namedtuple("Point", "u v")


@dataclasses.dataclass(frozen=True)
class Rates:
    a: float
    w: np.ndarray
    n: int = 2
    name: str = "r"


def test_gradient_has_the_structure_of_the_argument():
    def f(p):
        return p["r"].a ** p["r"].n * np.sum(p["r"].w) + p["q"].u * p["q"].v[0] + p["k"]

    tree = {"r": Rates(3.0, np.ones(2)), "q": Point(2.0, [5.0, None]), "k": 7}
    value, found = value_and_grad(f)(tree)
    assert value == 9.0 * 2 + 10.0 + 7
    assert list(found) == ["r", "q", "k"]
    assert type(found["r"]) is Rates
    assert (found["r"].a, found["r"].n, found["r"].name) == (12.0, None, None)
    np.testing.assert_array_equal(found["r"].w, [9.0, 9.0])
    assert found["q"] == Point(5.0, [2.0, None])
    assert found["k"] is None


def test_types_of_results_are_plain():
    value, found = value_and_grad(lambda x, a: x * np.sum(a), argnums=(0, 1))(2.0, np.ones(2))
    assert type(found[0]) is float
    assert type(found[1]) is np.ndarray
    assert isinstance(value, float)
    assert not sciad.is_traced(value)
    single = np.ones(2, dtype=np.float32)
    value, found = value_and_grad(lambda a: np.sum(a * a))(single)
    assert found.dtype == np.float32
    assert value.dtype == np.float32
    assert type(grad(lambda x: x * 2.0)(np.float32(1.0))) is np.float32


def test_argnums_and_keywords():
    f = lambda a, b, *, c=1.0: a * b**2 * c
    assert grad(f, argnums=1)(2.0, 3.0, c=2.0) == 24.0
    assert grad(f, argnums=-1)(2.0, 3.0) == 12.0
    assert grad(f, argnums=(1, 0))(2.0, 3.0) == (12.0, 9.0)


def test_has_aux():
    def f(x):
        y = math.sin(x)
        return y * y, {"y": y, "array": np.array([x, y]), "n": 3}

    (value, aux), found = value_and_grad(f, has_aux=True)(0.3)
    assert value == math.sin(0.3) ** 2
    assert type(aux["y"]) is float
    assert type(aux["array"]) is np.ndarray
    assert aux["n"] == 3
    assert grad(f, has_aux=True)(0.3)[0] == found
    with pytest.raises(InputError, match="no pair"):
        grad(lambda x: x, has_aux=True)(1.0)


def test_constant_output_has_zero_gradient():
    assert grad(lambda x: 3.0)(1.0) == 0.0
    np.testing.assert_array_equal(grad(lambda x: float(x.size))(np.ones(3)), np.zeros(3))
    assert jvp(lambda x: 3.0, (1.0,), (1.0,)) == (3.0, 0.0)
    np.testing.assert_array_equal(jacobian(lambda x: np.ones(2))(np.ones(3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(jacobian(lambda x: x[:0])(np.ones(3)), np.zeros((0, 3)))


def test_unrelated_argument_has_exact_zero():
    assert grad(lambda x, y: x * 2, argnums=(0, 1))(1.0, np.inf) == (2.0, 0.0)


@pytest.mark.parametrize("value", [3, True, "a", None, np.arange(3), [1, 2]])
def test_nothing_to_differentiate(value):
    with pytest.raises(InputError, match=r"grad: argument 0 of .*nothing to differentiate"):
        grad(lambda x: x)(value)


def test_output_must_be_a_real_number():
    with pytest.raises(InputError, match=r"array of shape \(3,\)"):
        grad(lambda x: x * 2)(np.ones(3))
    with pytest.raises(InputError, match="tuple"):
        grad(lambda x: (x, x))(1.0)
    with pytest.raises(InputError, match="complex"):
        grad(lambda x: x * 1j)(1.0)
    with pytest.raises(InputError, match="NoneType"):
        grad(lambda x: None)(1.0)
    with pytest.raises(InputError, match="argnums"):
        grad(lambda x: x, argnums=2)(1.0)


def test_vjp_and_jvp_of_trees():
    def f(p, x):
        return {"s": p[0] * x, "t": (p[1] + x[0], 3)}

    p, x = [2.0, 3.0], np.array([1.0, 4.0])
    value, pullback = vjp(f, p, x)
    np.testing.assert_array_equal(value["s"], [2.0, 8.0])
    assert value["t"][1] == 3
    p_bar, x_bar = pullback({"s": np.array([1.0, 10.0]), "t": (1.0, None)})
    assert p_bar == [41.0, 1.0]
    np.testing.assert_array_equal(x_bar, [3.0, 20.0])
    _, tangent = jvp(f, (p, x), ([1.0, 0.0], np.array([0.0, 1.0])))
    np.testing.assert_array_equal(tangent["s"], [1.0, 6.0])
    assert tangent["t"] == (0.0, None)


def test_vjp_with_integers_as_seeds():
    _, pullback = vjp(lambda x: x * x, 3.0)
    assert pullback(1) == (6.0,)
    assert jvp(lambda x: x * x, (3.0,), (1,)) == (9.0, 6.0)


def test_shapes_of_seeds_are_checked():
    _, pullback = vjp(lambda x: x * x, np.ones(3))
    with pytest.raises(InputError, match="shape"):
        pullback(np.ones(2))
    with pytest.raises(InputError, match="expected"):
        pullback((np.ones(3), 1.0))
    with pytest.raises(InputError, match="shape"):
        jvp(lambda x: x, (np.ones(3),), (1.0,))


@pytest.mark.parametrize("mode", ["forward", "reverse", "auto"])
def test_jacobian_shapes(mode):
    x = np.arange(6.0).reshape(2, 3)
    f = lambda a: np.sin(a[:, :2]) * a[0, 0]
    found = jacobian(f, mode=mode)(x)
    assert found.shape == (2, 2, 2, 3)
    eps = 1e-6
    for i in np.ndindex(2, 3):
        e = np.zeros((2, 3))
        e[i] = eps
        column = (f(x + e) - f(x - e)) / (2 * eps)
        np.testing.assert_allclose(found[(..., *i)], column, atol=1e-9)
    assert jacobian(lambda s: s**2, mode=mode)(3.0) == 6.0
    np.testing.assert_array_equal(jacobian(lambda s: np.array([s, s * s]), mode=mode)(3.0), [1, 6])


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_jacobian_of_trees(mode):
    f = lambda p: {"y": p["a"] * p["x"], "z": p["a"] ** 2}
    found = jacobian(f, mode=mode)({"a": 2.0, "x": np.array([1.0, 3.0])})
    np.testing.assert_array_equal(found["y"]["a"], [1.0, 3.0])
    np.testing.assert_array_equal(found["y"]["x"], 2 * np.eye(2))
    assert found["z"]["a"] == 4.0
    np.testing.assert_array_equal(found["z"]["x"], [0.0, 0.0])


def test_jacobian_forward_runs_the_program_once():
    runs = []

    def f(x):
        runs.append(1)
        return np.sin(x)

    jacobian(f, mode="forward")(np.ones(5))
    assert len(runs) == 1


def test_jacobian_mode_is_checked():
    with pytest.raises(InputError, match="mode"):
        jacobian(lambda x: x, mode="sideways")


def test_hessian_of_trees_and_hvp():
    f = lambda p: p["a"] ** 2 * np.sum(p["x"] ** 3)
    p = {"a": 2.0, "x": np.array([1.0, 3.0])}
    found = hessian(f)(p)
    assert found["a"]["a"] == 2 * 28.0
    np.testing.assert_array_equal(found["a"]["x"], 2 * 2.0 * 3 * p["x"] ** 2)
    np.testing.assert_array_equal(found["x"]["x"], np.diag(4.0 * 6 * p["x"]))
    product = hvp(f, p, {"a": 1.0, "x": np.zeros(2)})
    assert product["a"] == 56.0


def test_complex_convention():
    # dL/dRe + i dL/dIm
    z = 0.3 + 0.4j
    assert grad(lambda z: abs(z) ** 2)(z) == pytest.approx(2 * z)
    assert grad(lambda z: z.real)(z) == 1.0
    assert grad(lambda z: z.imag)(z) == 1j
    found = grad(lambda x: abs(np.exp(1j * x) + 1.0))(0.3)
    assert isinstance(found, float)
    assert found == pytest.approx(-math.sin(0.15), rel=1e-12)


def test_holomorphic():
    z = 0.3 + 0.4j
    assert grad(lambda z: np.exp(z) * z, holomorphic=True)(z) == pytest.approx(
        np.exp(z) * (1 + z), rel=1e-14
    )


def test_documented_subgradients():
    assert grad(abs)(0.0) == 0.0
    assert grad(np.abs)(0.0) == 0.0
    assert grad(abs)(0j) == 0.0
    np.testing.assert_array_equal(grad(np.max)(np.array([1.0, 3.0, 3.0])), [0.0, 0.5, 0.5])
    np.testing.assert_array_equal(grad(np.min)(np.array([1.0, 1.0, 3.0])), [0.5, 0.5, 0.0])
    assert grad(np.maximum, argnums=(0, 1))(2.0, 2.0) == (0.5, 0.5)
    assert grad(math.sqrt)(0.0) == math.inf
    assert grad(lambda x: np.sqrt(x))(0.0) == math.inf
    assert grad(lambda x: x**0)(0.0) == 0.0
    assert grad(lambda x: np.power(x, 0.0))(0.0) == 0.0
    assert grad(lambda p: 0.0**p)(2.0) == 0.0
    assert grad(lambda x: x**2)(0.0) == 0.0
    assert grad(lambda x: x**1)(0.0) == 1.0
    np.testing.assert_array_equal(grad(np.linalg.norm)(np.zeros(2)), np.zeros(2))
    np.testing.assert_array_equal(grad(np.std)(np.ones(2)), np.zeros(2))
    np.testing.assert_array_equal(grad(np.hypot, argnums=(0, 1))(0.0, 0.0), (0.0, 0.0))
    assert grad(lambda x: np.sinc(x))(0.0) == 0.0


def test_where_hides_the_infinite_branch():
    f = lambda x: np.sum(np.where(x > 0, np.sqrt(np.where(x > 0, x, 1.0)), 0.0))
    np.testing.assert_array_equal(grad(f)(np.array([0.0, 4.0])), [0.0, 0.25])


def test_stop_gradient():
    def f(x):
        frozen = sciad.stop_gradient({"x": x, "a": np.array([x, 2.0])})
        assert type(frozen["x"]) is float
        return frozen["x"] * x + frozen["a"][0]

    assert grad(f)(3.0) == 3.0


def test_python_semantics_of_floats_are_kept():
    with pytest.raises(ZeroDivisionError):
        grad(lambda x: 1.0 / (x - 1.0))(1.0)
    with pytest.raises(ZeroDivisionError):
        grad(lambda x: x / 0.0)(1.0)
    with pytest.raises(OverflowError):
        grad(lambda x: math.exp(x))(1000.0)
    with np.errstate(divide="ignore"):
        assert value_and_grad(lambda x: np.float64(1.0) / x)(0.0)[0] == np.inf
    assert grad(lambda x: abs((-8.0 * x) ** (1 / 3)))(1.0) == pytest.approx(2 / 3)


def test_complex_numbers_of_python_stay_what_they_are():
    """NumPy's divide by zero in silence, and round their quotients in another way."""
    seen = []

    def f(x):
        z = complex(x, 0.3).conjugate() / (x * 1j + 0.2).conjugate() + (x + 1j) ** 2
        seen.append(sciad.stop_gradient(z))
        return z.imag * abs(z.conjugate())

    assert value_and_grad(f)(0.7)[0] == f(0.7)
    assert type(seen[0]) is type(seen[1]) is complex
    assert seen[0] == seen[1]
    sciad.check_grads(f, (0.7,), order=3)
    with pytest.raises(ZeroDivisionError):
        grad(lambda x: (1.0 / complex(x - x, 0.0).conjugate()).real)(1.0)


@pytest.mark.parametrize("number", [3, -2.5, True, 0, np.float64(1.5), np.int64(2)])
@pytest.mark.parametrize("x", [0.7, np.float64(-0.7), np.float32(0.5), 1e300, np.float64(1e-160)])
def test_quotients_with_plain_numbers(x, number):
    """Value and type are those of the plain program; so are overflow and division by zero."""
    below = lambda x: number / x
    value, slope = value_and_grad(below)(x)
    assert type(value) is type(below(x))
    assert value == below(x)
    with np.errstate(all="ignore"):
        assert slope == pytest.approx(float(-value / x), rel=1e-6)
        curvature = sciad.hessian(below)(x)
        assert curvature == pytest.approx(float(2.0 * value / x / x), rel=1e-6)
    above = lambda x: x / number
    if number:
        value, slope = value_and_grad(above)(x)
        assert type(value) is type(above(x))
        assert (value, slope) == (above(x), pytest.approx(1.0 / number, rel=1e-6))
    elif type(x) is float:
        with pytest.raises(ZeroDivisionError):
            grad(above)(x)
    else:
        with np.errstate(divide="ignore"):
            assert value_and_grad(above)(x) == (above(x), np.inf)


def test_bind_values_levels_and_directions():
    calls = []

    class Cube:
        name = "cube"

        def value(self, x, k):
            if sciad.is_traced(x):
                return sciad.bind(self, x, k)
            calls.append("value")
            return k * x**3

        def vjp(self, g, out, x, k):
            return g * 3 * k * x**2, None

        def jvp(self, tangents, out, x, k):
            t, none = tangents
            assert none is None
            assert t.ndim == out.ndim + 1
            return t * 3 * k * x**2

    f = lambda x: np.sum(sciad.bind(Cube(), x, 2.0))
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(grad(f)(x), 6 * x**2)
    np.testing.assert_array_equal(hessian(f)(x), np.diag(12 * x))
    np.testing.assert_array_equal(
        jacobian(lambda x: sciad.bind(Cube(), x, 2.0), mode="forward")(x), np.diag(6 * x**2)
    )
    check_grads(lambda x: sciad.bind(Cube(), x, 2.0), (x,), order=3)
    assert set(calls) == {"value"}


def test_bind_with_several_outputs():
    class SinCos:
        name = "sincos"

        def value(self, x):
            return np.sin(x), np.cos(x)

        def vjp(self, g, out, x):
            return (g[0] * np.cos(x) - g[1] * np.sin(x),)

        def jvp(self, tangents, out, x):
            return tangents[0] * np.cos(x), -tangents[0] * np.sin(x)

    def f(x):
        s, c = sciad.bind(SinCos(), x)
        return s * s * c

    check_grads(f, (np.array([0.3, 0.9]),), order=2)
    check_grads(lambda x: sciad.bind(SinCos(), x)[1], (0.7,), order=2)


def test_bind_checks_the_rule():
    class Wrong:
        name = "wrong"

        def value(self, x):
            return 2.0 * x

        def vjp(self, g, out, x):
            return g, g

        def jvp(self, tangents, out, x):
            return tangents[0][0]

    with pytest.raises(InputError, match="vjp of wrong: 2 cotangents for 1"):
        grad(lambda x: np.sum(sciad.bind(Wrong(), x)))(np.ones(2))
    with pytest.raises(InputError, match="jvp of wrong"):
        jvp(lambda x: sciad.bind(Wrong(), x), (np.ones(2),), (np.ones(2),))


def test_user_rules():
    def cube(x):
        return float(x) ** 3

    def norm(x):
        return np.array(math.sqrt(sum(float(v) ** 2 for v in x)))

    sciad.rule(cube, partials=(lambda x, out: 3.0 * x * x,))
    sciad.rule(norm, vjp=(lambda g, out, x: g * x / out,))
    assert grad(lambda x: cube(x) * 2)(2.0) == 24.0
    x = np.array([3.0, 4.0])
    np.testing.assert_allclose(grad(lambda x: norm(x))(x), [0.6, 0.8])
    np.testing.assert_allclose(jvp(lambda x: norm(x), (x,), (np.array([1.0, 0.0]),))[1], 0.6)

    def scaled(x):
        return 2.0 * x

    sciad.rule(scaled, transpose=(lambda g, x: 5.0 * g,))
    assert grad(lambda x: scaled(x))(1.0) == 5.0

    def replaced(x):
        return float(x)

    @sciad.rule(replaced)
    def replacement(x):
        return 7.0 * x

    assert grad(lambda x: replaced(x))(1.0) == 7.0
    assert replaced(1.0) == 1.0


def test_wrapped_metadata():
    def named(x):
        """Doc."""
        return x

    assert grad(named).__name__ == "named"
    assert grad(named).__doc__ == "Doc."


def test_check_grads_finds_a_wrong_rule():
    def f(x):
        return x * 1.0

    sciad.rule(f, vjp=(lambda g, out, x: 2.0 * g,), jvp=(lambda t, out, x: t,))
    with pytest.raises(AssertionError, match="disagrees with forward mode"):
        check_grads(lambda x: f(x), (np.ones(2),), order=1)

    def g(x):
        return x**2

    sciad.rule(g, partials=(lambda x, out: np.where(x > 1.5, 0.0, 2 * x),))
    with pytest.raises(AssertionError, match=r"1 of 2 entries are wrong; entry \(1,\)"):
        check_grads(lambda x: g(x), (np.array([1.0, 2.0]),), order=1)


def test_linear_overhead_of_repeated_calls():
    f = lambda x: np.sum(x * x)
    g = grad(f)
    x = np.ones(3)
    g(x)
    before = len(sciad.core.dispatch._plans)
    for _ in range(5):
        g(x)
    assert len(sciad.core.dispatch._plans) == before


class Holder:
    def __init__(self, part):
        self.part = part


class Slotted:
    __slots__ = ("part",)

    def __init__(self, part):
        self.part = part


def numbers(x):
    yield x * 2.0


@pytest.mark.parametrize(
    "function",
    [
        lambda x: Holder(x * 2.0),
        lambda x: (x, [Slotted(x * 2.0)]),
        lambda x: collections.deque([x]),
        lambda x: numbers(x),
        lambda x: map(abs, [x]),
    ],
)
def test_a_result_whose_parts_are_not_known(function):
    for transformed in (
        jacobian(function),
        lambda x: jvp(function, (x,), (1.0,)),
        lambda x: vjp(function, x),
    ):
        with pytest.raises(InputError, match="returned a") as caught:
            transformed(1.0)
        assert __file__ in str(caught.value)


def test_a_result_with_other_objects():
    value, tangent = jvp(lambda x: (x * 2.0, Holder("name"), math.sin), (1.0,), (1.0,))
    assert value[0] == 2.0
    assert tangent == (2.0, None, None)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: grad(math.sin, np.ones(2)),
        lambda: grad(2.0),
        lambda: jacobian("f"),
        lambda: hessian(None),
        lambda: hvp(math.sin, 1.0, 1.0, argnums=None),
        lambda: hvp(1.0, 1.0, 1.0),
    ],
)
def test_what_is_no_function_or_argnums_is_refused_at_once(ask):
    with pytest.raises(InputError, match=r"expected|argnums must be"):
        ask()
