"""`sciad.rule`: kinds, run time, undoing, names, classes, and what it refuses."""

import decimal
import functools
import math
import sys

import numpy as np
import pytest
import scipy.special

import sciad
from sciad import InputError, grad, hessian, jacobian, jvp, rule, vjp
from sciad.core.rules import Elementwise, lookup
from sciad.core.testing import check_grads

X = np.array([0.3, 0.8, 1.4])


def opaque(x):
    """Calls C code that knows nothing of traced values."""
    return np.array([math.sinh(float(decimal.Decimal(v))) for v in x])


KINDS = {
    "partials": {"partials": lambda x, out: np.cosh(x)},
    "partials with math": {"partials": (lambda x, out: np.exp(x) - out,)},
    "vjp": {"vjp": lambda g, out, x: g * np.cosh(x)},
    "jvp": {"jvp": [lambda t, out, x: t * np.cosh(x)]},
    "both": {"vjp": lambda g, out, x: g * np.cosh(x), "jvp": lambda t, out, x: t * np.cosh(x)},
    "residual": {"residual": lambda y, x: np.arcsinh(y) - x},
    "substitute": {"substitute": lambda x: 0.5 * (np.exp(x) - np.exp(-x))},
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_to_third_order(kind):
    with rule(opaque, **KINDS[kind]):
        check_grads(lambda x: opaque(x) * x, (X,), order=3, atol=1e-5, rtol=1e-5)
    assert lookup(opaque) is None
    with pytest.raises(sciad.LostDerivativeError, match=r"decimal\.Decimal"):
        jacobian(lambda x: opaque(x))(X)


def test_linear_in_two_arguments():
    def product(a, b, scale=1.0):
        return np.array([[float(decimal.Decimal(v)) for v in row] for row in a]) @ b * scale

    transposes = (
        lambda g, a, b, scale=1.0: np.outer(g, b) * scale,
        lambda g, a, b, scale=1.0: np.matmul(a.T, g) * scale,
    )
    a = np.arange(6.0).reshape(2, 3)
    with rule(product, transpose=transposes):
        check_grads(lambda a, b: product(a, b, scale=2.0) ** 2, (a, X), order=2)
    with rule(product, transpose=transposes[1], argnums=1):
        np.testing.assert_array_equal(jacobian(lambda b: product(a, b))(X), a)
        with pytest.raises(sciad.NotDifferentiableError, match="argument 0"):
            jacobian(lambda a: product(a, X))(a)


def test_rules_may_use_math_and_buffers():
    def later(x):
        return math.floor(x) * 0.0 + math.sin(x)

    def cosine(g, out, x):
        b = np.zeros(2)
        b[0] = math.cos(x)
        return g * b[0]

    f = lambda x: later(x) * 2.0
    for kind in ({"vjp": cosine}, {"partials": lambda x, out: math.cos(x)}):
        with rule(later, **kind):
            assert grad(f)(0.3) == pytest.approx(2 * math.cos(0.3))
            assert grad(grad(f))(0.3) == pytest.approx(-2 * math.sin(0.3))
            assert jvp(grad(f), (0.3,), (1.0,))[1] == pytest.approx(-2 * math.sin(0.3))


def test_followed_code_sees_rules_that_come_later_and_go():
    def inner(x):
        return 2.0 * x

    def outer(x):
        return [inner(v) for v in (x, x)][1]

    for _ in range(2):
        assert grad(outer)(1.0) == 2.0
        with rule(inner, substitute=lambda x: 5.0 * x):
            assert grad(outer)(1.0) == 5.0
            with rule(inner, nondifferentiable=True):
                assert grad(outer)(1.0) == 0.0
            assert grad(outer)(1.0) == 5.0
        assert grad(outer)(1.0) == 2.0


def test_undo():
    def f(x):
        return x * 1.0

    registration = rule(f, nondifferentiable=True)
    assert "Nondifferentiable rule of" in repr(registration)
    assert grad(lambda x: f(x) + x)(1.0) == 1.0
    registration.undo()
    registration.undo()
    assert grad(lambda x: f(x) + x)(1.0) == 2.0
    with pytest.raises(KeyError), rule(f, nondifferentiable=True):
        raise KeyError
    assert lookup(f) is None


def test_decorators():
    @rule(partials=lambda x, out: 7.0 + 0.0 * x)
    def own(x):
        return x

    assert own(2.0) == 2.0
    assert isinstance(lookup(own), Elementwise)
    assert grad(lambda x: own(x))(2.0) == 7.0

    @rule(own)
    def instead(x):
        return 3.0 * x

    assert grad(lambda x: own(x))(2.0) == 3.0
    assert instead(1.0) == 3.0


def test_functions_by_name():
    for name in (
        "scipy.special.gamma",
        "math.sinh",
        f"{__name__}.opaque",
        f"{__name__}.Phase.turn",
    ):
        if name.startswith(__name__) and __name__ not in sys.modules:
            continue
        with rule(name, substitute=lambda *args: 50.0 * args[-1]) as registration:
            assert callable(registration.key)
    with rule("scipy.special.gamma", vjp=lambda g, out, x: 100.0 * g):
        assert grad(lambda x: scipy.special.gamma(x))(2.0) == 100.0
    with rule("math.sinh", partials=lambda x, out: 3.0 + 0.0 * x):
        assert grad(math.sinh)(0.3) == 3.0


def decorated(f):
    @functools.wraps(f)
    def wrapper(*args):
        return f(*args)

    return wrapper


@decorated
def double(x):
    return 2.0 * x


@decorated
def triple(x):
    return 3.0 * x


def test_functions_that_share_the_code_of_a_decorator():
    f = lambda x: triple(x) + double(x)
    assert grad(f)(1.0) == 5.0
    for function, expected in ((triple, 52.0), (double, 53.0)):
        made = sciad.core.rules.Substitute(function, lambda x: 50.0 * x)
        name = f"{function.__module__}.{function.__qualname__}"
        with sciad.core.rules.temporary(name, made):
            assert grad(f)(1.0) == expected
    with rule(triple, substitute=lambda x: 50.0 * x):
        assert grad(f)(1.0) == 52.0


# Classes -----------------------------------------------------------------------------------------


class Phase:
    """A number type of the user: r exp(i phi) as a pair."""

    def __init__(self, a, b):
        self.a, self.b = a, b

    def __mul__(self, other):
        return Phase(self.a * other.a - self.b * other.b, self.a * other.b + self.b * other.a)

    def size(self):
        return math.hypot(self.a, self.b)

    def turn(self, angle):
        return self * Phase(math.cos(angle), math.sin(angle))

    @property
    def angle(self):
        return math.atan2(self.b, self.a)

    def __call__(self, x):
        return self.a * x


sciad.register_container(Phase, lambda p: ((p.a, p.b), None), lambda meta, c: Phase(*c))


def test_own_number_type():
    f = lambda p, angle: (p * p.turn(angle)).a + p.angle
    found = grad(f)(Phase(1.0, 2.0), 0.3)
    assert type(found) is Phase
    check_grads(f, (Phase(1.0, 2.0), 0.3), order=2)
    value, tangent = jvp(lambda p: p * p, (Phase(1.0, 2.0),), (Phase(1.0, 0.0),))
    assert (value.a, value.b, tangent.a, tangent.b) == (-3.0, 4.0, 2.0, 4.0)
    assert vjp(lambda p: p * p, Phase(1.0, 2.0))[1](Phase(1.0, 0.0))[0].b == -4.0


def test_rules_of_methods_constructors_and_operators():
    f = lambda x: (Phase(x, 1.0) * Phase(x, 2.0)).size()
    plain = grad(f)(3.0)
    with rule(Phase.size, substitute=lambda self: 7.0 * self.a):
        assert grad(f)(3.0) == 42.0
    with rule(Phase, substitute=lambda a, b: np.stack([10.0 * a, b])):
        assert grad(lambda x: Phase(x, x)[0])(1.0) == 10.0
    with rule(Phase.__mul__, substitute=lambda self, other: Phase(100.0 * self.a, 0.0)):
        assert grad(f)(3.0) == 100.0
        assert (Phase(1.0, 1.0) * Phase(1.0, 1.0)).b == 2.0  # outside of transformations
    with rule(Phase.__call__, substitute=lambda self, x: 9.0 * x):
        assert grad(lambda x: Phase(2.0, 1.0)(x))(3.0) == 9.0
    assert grad(f)(3.0) == plain


def test_operator_of_a_class_in_a_function():
    class Local:
        def __init__(self, a):
            self.a = a

        def __add__(self, other):
            return self.a + other

    with rule(Local.__add__, substitute=lambda self, other: 5.0 * self.a):
        assert grad(lambda x: Local(x) + 1.0)(3.0) == 5.0
    assert grad(lambda x: Local(x) + 1.0)(3.0) == 1.0


def test_rules_on_members_that_are_not_called():
    with pytest.raises(InputError, match="angle is a property"):
        rule(Phase.angle.fget, nondifferentiable=True)
    with pytest.raises(
        InputError, match="__mul__ is an operator of a class, its rule must be a sub"
    ):
        rule(Phase.__mul__, vjp=lambda g, out, a, b: g)
    assert Phase.__dict__["__mul__"].__name__ == "__mul__"
    assert lookup(Phase.__mul__) is None


# What users get wrong ----------------------------------------------------------------------------


def total(x):
    return np.array(sum(float(decimal.Decimal(v)) for v in x))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            {"vjp": lambda g, out, x: g},
            r"vjp for argument 0.*total returned the shape \(\), but the",
        ),
        (
            {"vjp": lambda g, out, x: 1j * g * np.ones(3)},
            "returned complex numbers for a real argu",
        ),
        ({"vjp": lambda g, out, x: None}, "returned a NoneType"),
        ({"vjp": lambda g, out, x: (g,)}, "returned a tuple"),
        ({"transpose": lambda g, x: g}, "transpose for argument 0"),
        (
            {"jvp": lambda t, out, x: t},
            r"jvp for argument 0.*shape \(3,\), but the output has \(\)",
        ),
    ],
)
def test_results_of_rules_are_checked(kind, message):
    with rule(total, **kind):
        with pytest.raises(InputError, match=message) as error:
            jvp(lambda x: total(x), (X,), (X,)) if "jvp" in kind else grad(lambda x: total(x))(X)
        assert "test_user_rules.py" in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give a function, a kind of rule, or both"),
        ({"function": 3}, "must be callable"),
        ({"function": "nope.f"}, "cannot import 'nope'"),
        ({"function": "numpy.nope"}, "there is no 'numpy.nope'"),
        ({"function": "gamma"}, r"must be 'module\.qualname'"),
        ({"function": total, "vjp": np.cos, "partials": np.cos}, "a rule has one kind"),
        ({"function": total, "nondifferentiable": True, "residual": np.cos}, "one kind"),
        ({"function": total, "vjp": 3}, "must be a function or a tuple"),
        ({"function": total, "vjp": (3,)}, "vjp must be callable"),
        ({"function": total, "vjp": (None,)}, "vjp has no function"),
        ({"function": total, "vjp": (np.cos,), "jvp": (None, np.cos)}, "different arguments"),
        ({"function": total, "vjp": np.cos, "solve": np.cos}, "can only be given with residual"),
        ({"function": total, "vjp": np.cos, "argnums": 1}, "can only be given with transpose"),
        ({"function": total, "transpose": np.cos, "argnums": (0, 1)}, "1 transposes for"),
        ({"function": total, "partials": lambda x: x}, "must take the 1 arguments and the output"),
    ],
)
def test_arguments_of_rule_are_checked(arguments, message):
    with pytest.raises(InputError, match=message):
        rule(**arguments)
    assert lookup(total) is None


def test_second_derivative_of_a_rule_with_a_jvp_only():
    with rule(total, jvp=lambda t, out, x: np.sum(t)):
        np.testing.assert_array_equal(hessian(lambda x: total(x) ** 2)(X), np.full((3, 3), 2.0))


def test_complex_partial_of_a_real_function():
    with rule(opaque, partials=lambda x, out: 1j * out):
        with pytest.raises(InputError, match="the tangent of a real value is complex"):
            jvp(lambda x: opaque(x), (X,), (X,))
        with pytest.raises(InputError, match="the tangent of a real value is complex"):
            check_grads(lambda x: opaque(x), (X,), 1)


def test_a_wrapper_has_not_the_rule_of_what_it_wraps():
    @functools.wraps(scipy.special.spherical_jn)
    def threefold(n, x):
        return 3.0 * scipy.special.spherical_jn(n, x)

    class Counted:
        def __init__(self, function):
            functools.update_wrapper(self, function)
            self.function = function

        def __call__(self, n, x):
            return 3.0 * self.function(n, x)

    slope = scipy.special.spherical_jn(2, 1.0, derivative=True)
    counted = Counted(scipy.special.spherical_jn)
    for function in (threefold, counted, lambda n, x: counted(n, x)):
        value, found = sciad.value_and_grad(function, argnums=1)(2, 1.0)
        assert value == pytest.approx(3.0 * scipy.special.spherical_jn(2, 1.0), rel=1e-14)
        assert found == pytest.approx(3.0 * slope, rel=1e-12)


def test_the_gradient_of_a_function_of_scipy_is_another_function():
    first = grad(scipy.special.spherical_jn, argnums=1)
    points = 1.0 + 1e-5, 1.0 - 1e-5
    above, below = (scipy.special.spherical_jn(2, x, derivative=True) for x in points)
    assert grad(first, argnums=1)(2, 1.0) == pytest.approx((above - below) / 2e-5, rel=1e-8)


def test_rules_are_undone_in_any_order():
    def f(x):
        return x

    one = rule(f, partials=lambda x, out: 1.0 + 0.0 * x)
    two = rule(f, partials=lambda x, out: 2.0 + 0.0 * x)
    three = rule(f, partials=lambda x, out: 3.0 + 0.0 * x)
    two.undo()
    assert grad(f)(0.5) == 3.0
    three.undo()
    assert grad(f)(0.5) == 1.0
    three = rule(f, partials=lambda x, out: 3.0 + 0.0 * x)
    one.undo()
    assert grad(f)(0.5) == 3.0
    three.undo()
    assert lookup(f) is None


def test_default_values_are_arguments():
    def power(x, n=3.0):
        return float(x) ** float(n)

    with rule(power, partials=(lambda x, n, out: n * x ** (n - 1.0), None)):
        assert grad(lambda x: power(x))(2.0) == 12.0
        assert grad(lambda x: power(x, n=2.0))(2.0) == 4.0


@pytest.mark.parametrize(
    "options",
    [
        {"residual": 3},
        {"substitute": 3},
        {"residual": lambda y, x: y, "solve": 3},
        {"transpose": lambda g, x: g, "argnums": True},
        {"transpose": lambda g, x: g, "argnums": -1},
        {"transpose": lambda g, x: g, "argnums": 1.5},
    ],
)
def test_options_of_a_wrong_kind_are_refused_at_once(options):
    with pytest.raises(InputError, match="rule"):
        rule(opaque, **options)
    assert lookup(opaque) is None
