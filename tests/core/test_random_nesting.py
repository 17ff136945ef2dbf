"""Random nestings of all transformations against derivatives in high precision (mpmath)."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sciad
from sciad import checkpoint, forward_mode, grad, hessian, hvp, jacobian, jvp, linearize, vjp

#: Ways to a derivative of a function of one number: (order, transformation).
DERIVATIVES = {
    "grad": (1, grad),
    "value_and_grad": (1, lambda f: lambda x: sciad.value_and_grad(f)(x)[1]),
    "jvp": (1, lambda f: lambda x: jvp(f, (x,), (1.0,))[1]),
    "vjp": (1, lambda f: lambda x: vjp(f, x)[1](1.0)[0]),
    "linearize": (1, lambda f: lambda x: linearize(f, x)[1](1.0)),
    "forward": (1, lambda f: jacobian(f, mode="forward")),
    "reverse": (1, lambda f: jacobian(f, mode="reverse")),
    "hessian": (2, hessian),
    "hvp": (2, lambda f: lambda x: hvp(f, x, 1.0)),
    "array": (1, lambda f: lambda x: np.sum(grad(lambda a: f(a[0] * a[1]))(np.stack([x, 1.0]))[0])),
}
#: Ways to call a function that do not change its value.
WRAPPERS = {
    "plain": lambda f: f,
    "checkpoint": checkpoint,
    "forward_mode": forward_mode,
    "both": lambda f: checkpoint(forward_mode(f)),
    "loop": lambda f: lambda y: sciad.checkpoint_loop(lambda s: f(s), y, 1),
    "loops": lambda f: (
        lambda y: sciad.checkpoint_loop(
            lambda s, k: f(s) if k == 1 else s, y, 3, xs=np.arange(3), snapshots=2
        )
    ),
    "value": lambda f: lambda y: vjp(f, y)[0],
    "extra": lambda f: lambda y: grad(lambda z: (z, f(y)), has_aux=True)(1.0)[1],
    "linear": lambda f: lambda y: linearize(lambda z: z * f(y), 2.0)[1](1.0),
}


def squares(y, x):
    b = np.ones(3)
    b[:2] = [y, x]
    b[1] *= b[0]
    return 0.2 * (b @ b)


#: Steps of a program, as (in NumPy, in mpmath); each gets what came before, and x.
STEPS = {
    "sine": (lambda y, x: np.sin(y) + x, lambda y, x: mpmath.sin(y) + x),
    "product": (lambda y, x: y * x + 0.5, lambda y, x: y * x + 0.5),
    "tanh": (lambda y, x: np.tanh(y * y), lambda y, x: mpmath.tanh(y * y)),
    "buffer": (squares, lambda y, x: 0.2 * (y**2 + (x * y) ** 2 + 1)),
    # d/dz (z^2 y / 2 + z x) at z = x
    "inner": (
        lambda y, x: grad(lambda z: z * z * y * 0.5 + z * x)(x),
        lambda y, x: x * y + x,
    ),
    # d/dz (sin(z) y) at z = 1, forward
    "inner_forward": (
        lambda y, x: jvp(lambda z: np.sin(z) * y, (1.0,), (x,))[1],
        lambda y, x: mpmath.cos(1) * y * x,
    ),
}


@pytest.mark.parametrize("derivative", DERIVATIVES)
def test_each_derivative(derivative):
    check([derivative], [("sine", "plain"), ("buffer", "plain")])


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_each_wrapper(wrapper):
    for derivative in ("grad", "hvp"):
        check([derivative], [("buffer", wrapper)])


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(DERIVATIVES)), min_size=1, max_size=3),
    st.lists(
        st.tuples(st.sampled_from(sorted(STEPS)), st.sampled_from(sorted(WRAPPERS))),
        min_size=1,
        max_size=4,
    ),
)
def test_random_nestings(derivatives, steps):
    check(derivatives, steps)


def check(derivatives, steps):
    def program(x):
        y = x
        for step, wrapper in steps:
            y = WRAPPERS[wrapper](lambda y, f=STEPS[step][0]: f(y, x))(y)
        return y

    def reference(x):
        y = x
        for step, _ in steps:
            y = STEPS[step][1](y, x)
        return y

    order, found = 0, program
    for name in derivatives:
        times, transform = DERIVATIVES[name]
        order, found = order + times, transform(found)
    with mpmath.workdps(40):
        expected = float(mpmath.diff(reference, mpmath.mpf("0.6"), order))
    assert found(0.6) == pytest.approx(expected, rel=1e-9, abs=1e-10)
