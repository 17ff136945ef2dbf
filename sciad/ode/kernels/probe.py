"""Small questions answered in machine code because they are asked on every solve."""

from numba import float64, int64, intp

from sciad.compiler.back.cached import njit
from sciad.ode.kernels.abi import call_jvp, call_value, call_vjp, pointer, shift

__all__ = ["disorder", "evaluate", "evaluate_jvp", "evaluate_vjp"]

_array = float64[::1]


@njit(int64(intp, float64, _array, _array, _array), nogil=True, error_model="numpy")
def evaluate(model, t, y, parameters, out):
    """Write the model's value at (t, y) to `out` and return its status."""
    return call_value(model, t, pointer(y), pointer(parameters), pointer(out))


@njit(int64(intp, float64, *[_array] * 4), nogil=True, error_model="numpy")
def evaluate_jvp(jvp, t, y, parameters, direction, out):
    """Write the derivative along `direction` = (tdot, ydot, pdot) to the last `n` of `out`."""
    n, d = y.size, pointer(direction)
    values, tangents = pointer(out), shift(pointer(out), n)
    y_dot, p_dot = shift(d, 1), shift(d, n + 1)
    return call_jvp(
        jvp, t, pointer(y), pointer(parameters), direction[0], y_dot, p_dot, values, tangents
    )


@njit(int64(intp, float64, *[_array] * 4), nogil=True, error_model="numpy")
def evaluate_vjp(vjp, t, y, parameters, weights, out):
    """Add the cotangents of (t, y, p) to `out`."""
    n, o = y.size, pointer(out)
    return call_vjp(
        vjp, t, pointer(y), pointer(parameters), pointer(weights), o, shift(o, 1), shift(o, n + 1)
    )


@njit(int64(_array, float64, float64), nogil=True, error_model="numpy")
def disorder(times, t0, t1):
    """Return the index of the first time that is out of order or outside [t0, t1], or -1."""
    sign = 1.0 if t1 >= t0 else -1.0
    previous = sign * t0
    for i in range(times.size):
        now = sign * times[i]
        if not previous <= now <= sign * t1:
            return i
        previous = now
    return -1
