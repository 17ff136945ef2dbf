"""`check_grads` finds wrong rules of all kinds, and says where."""

import numpy as np
import pytest

import sciad
from sciad import InputError, check_grads

X = np.array([1.0, 2.0, 0.5])


def scaled(x, a):
    return np.sin(x) * a


RIGHT_BACK = (
    lambda g, out, x, a: g * a * np.cos(x),
    lambda g, out, x, a: np.sum(g * np.sin(x)),
)
RIGHT_AHEAD = (lambda t, out, x, a: t * a * np.cos(x), lambda t, out, x, a: t * np.sin(x))


def check(order=1, modes=("forward", "reverse"), **rule):
    with sciad.rule(scaled, **rule):
        check_grads(lambda p: scaled(p["x"], p["a"]), ({"x": X, "a": 2.0},), order, modes)


def test_right_rules_pass():
    check(order=3, vjp=RIGHT_BACK, jvp=RIGHT_AHEAD)
    check(order=2, vjp=RIGHT_BACK)
    check(order=2, jvp=RIGHT_AHEAD, modes="rev")
    check(order=2, vjp=RIGHT_BACK, modes=("fwd",))


def test_wrong_partial():
    wrong = lambda x, a, out: np.where(x > 1.5, 0.0, a * np.cos(x))
    with pytest.raises(AssertionError) as error:
        check(partials=(wrong, lambda x, a, out: np.sin(x)))
    text = str(error.value)
    assert "forward mode of " in text
    assert "1 of 3 entries are wrong; entry (1,) is " in text
    assert "along args[0]['x'] entry (1,)" in text
    assert "differences give np.float64(-0.83229" in text
    assert "off by 0.832, 1 of it" in text


def test_slightly_wrong_partial():
    wrong = lambda x, a, out: a * np.cos(x) * (1.0 + 2e-7)
    with pytest.raises(AssertionError, match=r"falls as h\^-?0\.\d\d, expected h\^2"):
        check(partials=(wrong, lambda x, a, out: np.sin(x)))


def test_argument_that_is_forgotten():
    with pytest.raises(AssertionError, match=r"along args\[0\]\['a'\]"):
        check(partials=(lambda x, a, out: a * np.cos(x), None))


def test_wrong_sign_in_reverse_mode_only():
    back = (lambda g, out, x, a: g * a * np.cos(x), lambda g, out, x, a: -np.sum(g * np.sin(x)))
    message = r"disagrees with forward mode: (.|\n)*the cotangent of args\[0\]\['a'\] is .*expected"
    with pytest.raises(AssertionError, match=message):
        check(vjp=back, jvp=RIGHT_AHEAD)
    with pytest.raises(AssertionError, match=r"disagrees with differences(.|\n)*args\[0\]\['a'\]"):
        check(vjp=back, modes="reverse")


def test_one_wrong_entry_in_reverse_mode():
    mask = np.array([1.0, 1.0, 1.0 + 1e-10])
    back = (lambda g, out, x, a: g * a * np.cos(x) * mask, RIGHT_BACK[1])
    with pytest.raises(AssertionError, match=r"the cotangent of args\[0\]\['x'\] entry \(2,\)"):
        check(vjp=back, jvp=RIGHT_AHEAD)


def test_wrong_tangent_with_right_cotangent():
    ahead = (lambda t, out, x, a: t * a, RIGHT_AHEAD[1])
    with pytest.raises(AssertionError, match="forward mode of"):
        check(vjp=RIGHT_BACK, jvp=ahead)


def test_wrong_shape_is_named_by_the_rule():
    with pytest.raises(
        InputError, match=r"vjp for argument 1 in the rule of .*scaled returned the"
    ):
        check(vjp=(RIGHT_BACK[0], lambda g, out, x, a: g * np.sin(x)), jvp=RIGHT_AHEAD)


def test_forgotten_conjugate():
    def product(z, w):
        return z * w

    back = lambda g, out, z, w: g * w
    ahead = (lambda t, out, z, w: t * w, lambda t, out, z, w: t * z)
    z = (0.3 + 0.4j, 1.0 - 2.0j)
    with sciad.rule(product, vjp=(back, lambda g, out, z, w: g * np.conj(z)), jvp=ahead):
        with pytest.raises(AssertionError, match=r"the cotangent of args\[0\] is"):
            check_grads(lambda z, w: product(z, w), z, 1)
        with pytest.raises(AssertionError, match=r"disagrees with differences(.|\n)*args\[0\]"):
            check_grads(lambda z, w: product(z, w), z, 1, "rev")
    with sciad.rule(product, vjp=lambda g, out, z, w: g * np.conj(w)):
        check_grads(lambda z: product(z, 2.0j), z[:1], 2)


def test_imaginary_part_that_is_lost():
    def shifted(z):
        return z + 1.0

    with (
        sciad.rule(shifted, vjp=lambda g, out, z: np.real(g) + 0j, jvp=lambda t, out, z: t),
        pytest.raises(AssertionError, match=r"args\[0\] entry \(0,\) \(imaginary part\) is "),
    ):
        check_grads(lambda z: shifted(z), (np.array([0.3 + 0.4j]),), 1)


def test_wrong_second_derivative():
    class Cube:
        """Right to first order; the derivative is hidden from the next one."""

        name = "cube"

        def value(self, x):
            return x**3 if not sciad.is_traced(x) else sciad.bind(self, x)

        def vjp(self, g, out, x):
            return (g * 3 * sciad.stop_gradient(x) ** 2,)

        def jvp(self, tangents, out, x):
            return tangents[0] * 3 * sciad.stop_gradient(x) ** 2

    f = lambda x: sciad.bind(Cube(), x)
    check_grads(f, (X,), order=1)
    with pytest.raises(AssertionError, match="forward mode of jvp of"):
        check_grads(f, (X,), order=2)
    with pytest.raises(AssertionError, match="reverse mode of vjp of"):
        check_grads(f, (X,), order=2, modes="rev")


def test_kink():
    with pytest.raises(AssertionError, match="forward mode"):
        check_grads(np.abs, (np.array([1e-8, 1.0]),), 1)


def test_a_kink_within_the_step_is_stepped_over():
    check_grads(np.abs, (np.array([1e-5, 1.0]),), 2)
    check_grads(np.sort, (np.array([0.3, 0.1, 0.1 + 2e-5]),), 2)


def test_an_array_without_axes_stays_one():
    def written(x):
        x = x.copy()
        x[...] = x * x
        return x

    check_grads(written, (np.array(0.7),))


def test_derivatives_that_cancel_to_rounding():
    check_grads(lambda a: a / a, (-0.1,), order=2)
    check_grads(np.std, (np.array([0.7]),), order=1)


def test_wrong_derivative_of_a_cotangent():
    twice = lambda x: 2.0 * x
    same = lambda x: 1.0 * x
    with (
        sciad.rule(twice, vjp=lambda g, out, x: same(g) * 2.0),
        sciad.rule(same, vjp=lambda g, out, x: 1.001 * g),
        pytest.raises(AssertionError, match="reverse mode of vjp of"),
    ):
        check_grads(twice, (1.0,), modes="rev")


def test_single_precision():
    check_grads(lambda x: np.sin(x) * x, (X.astype(np.float32),), order=2)
    with (
        sciad.rule(scaled, partials=(lambda x, a, out: 1.1 * a * np.cos(x), None)),
        pytest.raises(AssertionError, match="entries are wrong"),
    ):
        check_grads(lambda x: scaled(x, 2.0), (X.astype(np.float32),), 1)


def test_keywords_and_what_is_held():
    check_grads(lambda x, n, *, c: x**n * c, (X, 3), order=2, kwargs={"c": 2.0})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"modes": ("sideways",)}, "modes must be"),
        ({"modes": ()}, "modes must be"),
        ({"order": 0}, "order must be"),
        ({"order": True}, "order must be"),
        ({"args": X}, "args must be a tuple"),
        ({"args": (3,)}, "nothing to differentiate"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(InputError, match=message):
        check_grads(**{"fun": np.sin, "args": (X,), **arguments})


@pytest.mark.parametrize("size", [1e-8, 1e-4, 1e4, 1e8])
@pytest.mark.parametrize(
    "function", [np.sqrt, np.log, lambda x: x**3, np.linalg.norm, lambda x: np.abs(x + 0.0)]
)
def test_arguments_of_any_size(function, size):
    check_grads(function, (np.array([0.3, 0.7, 1.2]) * size,))
    check_grads(lambda x: np.sin(x / size), (np.array([0.3, -0.7]) * size,))


@pytest.mark.parametrize("size", [1e-12, 1e-8, 1e8])
def test_results_of_any_size(size):
    x = np.array([0.3, -0.7])
    check_grads(lambda x: size * np.sin(x), (x,))
    with (
        sciad.rule(scaled, partials=(lambda x, a, out: 1.0005 * a * np.cos(x), None)),
        pytest.raises(AssertionError, match="wrong"),
    ):
        check_grads(lambda x: size * scaled(x, 2.0), (x,), order=1)


def test_another_value_under_differentiation():
    with (
        sciad.rule(scaled, substitute=lambda x, a: x * a + 1.0),
        pytest.raises(AssertionError, match="the plain function gives"),
    ):
        check_grads(lambda x: scaled(x, 2.0), (np.ones(2),), order=1)
