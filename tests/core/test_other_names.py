"""Memory with several names: inputs of transformations, arguments and results of functions."""

import numpy as np
import pytest

import sciad
from sciad import TracingError, grad, jacobian, jvp, rule, value_and_grad, vjp

KEPT = np.ones(3)


@pytest.fixture(autouse=True)
def _restored():
    yield
    KEPT[...] = 1.0


def writes_kept(x):
    KEPT[0] = 5.0
    return np.sum(x * x)


def reads_kept(x):
    x[0] = 5.0
    return np.sum(x * KEPT)


class Model:
    def __init__(self):
        self.data = np.ones(3)

    def loss(self, x):
        x[0] = 2.0
        return np.sum(x * self.data)


TRANSFORMED = {
    "grad": lambda f, x: grad(f)(x),
    "jvp": lambda f, x: jvp(f, (x,), (x,)),
    "vjp": lambda f, x: vjp(f, x),
    "jacobian": lambda f, x: jacobian(f, mode="forward")(x),
}


@pytest.mark.parametrize("function", [writes_kept, reads_kept])
@pytest.mark.parametrize("how", ["grad", "jvp", "vjp", "jacobian"])
def test_an_input_is_also_a_global_variable(function, how):
    with pytest.raises(TracingError, match="another name for its memory") as caught:
        TRANSFORMED[how](function, KEPT)
    assert __file__ in str(caught.value)


@pytest.mark.parametrize("how", ["grad", "jvp", "vjp", "jacobian"])
def test_another_array_may_be_written(how):
    TRANSFORMED[how](reads_kept, np.full(3, 2.0))


def test_a_large_input_is_also_a_global_variable():
    large = np.ones(5000)

    def f(x):
        large[3] = 2.0
        return np.sum(x * x)

    with pytest.raises(TracingError, match="another name"):
        grad(f)(large)


def test_an_input_is_in_a_held_container():
    def f(x, others):
        x[0] = 5.0
        return np.sum(x * others[0])

    x = np.ones(3)
    with pytest.raises(TracingError, match="another name"):
        grad(f)(x, [x])
    assert x.tolist() == [1.0, 1.0, 1.0]
    value, gradient = value_and_grad(f)(x, [x.copy()])
    assert value == 7.0
    assert gradient.tolist() == [0.0, 1.0, 1.0]


def test_an_input_is_an_attribute_of_the_object():
    model = Model()
    with pytest.raises(TracingError, match="another name"):
        grad(model.loss)(model.data)
    assert grad(model.loss)(np.ones(3)).tolist() == [0.0, 1.0, 1.0]


def test_a_held_argument_is_written_that_is_an_input():
    def f(x, other):
        other[0] = 5.0
        return np.sum(x * x)

    x = np.ones(3)
    with pytest.raises(TracingError, match="another name"):
        grad(f)(x, x)


# Results of functions that are recorded as a whole ------------------------------------------------


def written_result(wrap, x):
    y = x * 1.0
    w = wrap(lambda z: z)(y)
    w[0] = 5.0
    return np.sum(w * w) + np.sum(y)


def written_argument(wrap, x):
    y = x * 1.0
    w = wrap(lambda z: z[1:])(y)
    y[1] = 5.0
    return np.sum(w * w)


def written_other_result(wrap, x):
    def views(z):
        w = z * 2.0
        return w, w[1:], w

    a, b, c = wrap(views)(x)
    a[1] = 7.0
    return np.sum(b**2) + np.sum(c)


@pytest.mark.parametrize("wrap", [sciad.checkpoint, sciad.forward_mode])
@pytest.mark.parametrize("program", [written_result, written_argument, written_other_result])
def test_a_write_that_another_result_should_see_raises(wrap, program):
    with pytest.raises(TracingError, match="written in place whose memory"):
        grad(lambda x: program(wrap, x))(np.ones(3))


@pytest.mark.parametrize("wrap", [sciad.checkpoint, sciad.forward_mode])
def test_results_that_share_memory_may_be_read(wrap):
    def program(x):
        a, b, c = wrap(lambda z: (z, z[1:], z * 2.0))(x * x)
        c[0] = 0.0
        return np.sum(a) + 10.0 * np.sum(b) + np.sum(c)

    assert grad(program)(np.ones(3)).tolist() == [2.0, 26.0, 26.0]


def test_a_state_with_two_names_is_not_written():
    def step(state):
        a, b = state
        a[0] = a[0] * 2.0
        return a * 1.5, b

    def program(x):
        y = x * 1.0
        a, b = sciad.checkpoint_loop(step, (y, y), 3)
        return np.sum(a * b)

    with pytest.raises(TracingError, match="written in place whose memory"):
        grad(program)(np.ones(3))


def tail(x):
    return x[1:]


def overwriting(x):
    x[0] = 2.0
    return x * x


def test_the_result_of_a_function_with_a_rule_is_a_view_of_its_argument():
    def program(x):
        y = x * 1.0
        w = tail(y)
        y[1] = 5.0
        return np.sum(w * w)

    with (
        rule(tail, vjp=lambda g, out, x: np.concatenate([np.zeros(1), g])),
        pytest.raises(TracingError, match="written in place whose memory"),
    ):
        grad(program)(np.ones(3))
    with rule(tail, transpose=lambda g, x: np.concatenate([np.zeros(1), g])):
        assert grad(program)(np.ones(3)).tolist() == [0.0, 0.0, 2.0]


@pytest.mark.parametrize(
    "kind", [{"vjp": lambda g, out, x: 2.0 * g * x}, {"transpose": lambda g, x: g}]
)
def test_a_function_with_a_rule_writes_into_its_argument(kind):
    with (
        rule(overwriting, **kind),
        pytest.raises(TracingError, match="writes into its argument 0"),
    ):
        grad(lambda x: np.sum(overwriting(x * 1.0)))(np.ones(3))
