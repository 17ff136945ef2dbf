r"""The derivative of the accepted steps of an explicit Runge-Kutta pair along many directions.

Differentiating a step on the accepted grid gives the same step for the tangents,

.. math:: \dot w_i = \dot y + h \sum_{j<i} a_{ij} \dot k_j, \qquad
          \dot k_i = J_y(t + c_i h, w_i)\, \dot w_i + J_p(t + c_i h, w_i)\, \dot p ,

and for the saved values :math:`\dot y + h \sum_j b_j(\theta)\, \dot k_j`. The states
:math:`w_i` come from the tape, so that all directions share them.
"""

from numba import float64, int64, intp

from sciad.compiler.back.cached import njit
from sciad.ode.kernels.abi import call_jvp, pointer, shift
from sciad.ode.kernels.explicit_rk_adjoint import DERIVATIVE_FAILED, restage
from sciad.ode.kernels.stages import dense_weights, stage_sum, tableau_parts

__all__ = ["push_forward", "tangent_work"]

_array = float64[::1]


def tangent_work(s: int, n: int) -> int:
    """Return how many numbers of working space `push_forward` needs."""
    return (2 * s + 2) * n + s


@njit(error_model="numpy")
def _push_saves(t, h, t_new, save, times, m, out, ydot, new, kdot, dense, degree, weights, n, s):
    """Write the tangents at all times up to `t_new`; return the next save."""
    while save < m and (times[save] - t_new) * h <= 0.0:
        if times[save] == t_new:
            for i in range(n):
                out[i * m + save] = new[i]
        else:
            dense_weights((times[save] - t) / h, dense, degree, s, weights)
            for i in range(n):
                total = 0.0
                for j in range(s):
                    total += weights[j] * kdot[j * n + i]
                out[i * m + save] = ydot[i] + h * total
        save += 1
    return save


@njit(error_model="numpy")
def _push_stages(jvp, p, pdot, t, h, t_new, y_new, w, a, c, ydot, wdot, kdot, unused, n, s):
    """Fill the tangents of the stages and, in `wdot`, of the new state; return a status."""
    status = 0
    for j in range(1, s):
        stage_sum(wdot, ydot, h, shift(a, j * s), j, kdot, n)
        state = y_new if j == s - 1 else shift(w, j * n)
        t_stage = t_new if c[j] == 1.0 else t + c[j] * h
        status |= call_jvp(jvp, t_stage, state, p, 0.0, wdot, pdot, unused, shift(kdot, j * n))
    return status


@njit(error_model="numpy")
def _push_start(jvp, p, pdots, t, y, save, times, m, out, ydots, left, unused, directions, n, n_p):
    """Write the tangents at the start and of the first stage; return (next save, status)."""
    status, first = 0, save
    for d in range(directions):
        ydot = shift(ydots, d * n)
        pdot, target = shift(pdots, d * n_p), shift(left, d * n)
        status |= call_jvp(jvp, t, y, p, 0.0, ydot, pdot, unused, target)
        save = first
        while save < m and times[save] == t:
            for i in range(n):
                out[(d * n + i) * m + save] = ydot[i]
            save += 1
    return save, status


_signature = int64(
    intp,
    intp,
    _array,
    _array,
    _array,
    int64,
    _array,
    _array,
    int64,
    int64,
    int64,
    _array,
    _array,
    int64,
    float64,
    _array,
    _array,
    int64,
    _array,
)


@njit(_signature, nogil=True, error_model="numpy")
def push_forward(
    jvp,
    value,
    parameters,
    parameters_dot,
    coefficients,
    s,
    grid,
    tape,
    rows,
    step,
    stop,
    t_saves,
    saves_dot,
    save,
    t_end,
    states_dot,
    slopes_dot,
    n,
    work,
):
    """Carry ``states_dot`` and ``slopes_dot`` from the start of `step` to the end of ``stop - 1``.

    Parameters
    ----------
    jvp, value : intp
        Addresses.
    parameters, parameters_dot : ndarray, shapes (P,) and (K * P,)
    coefficients, s : ndarray, int
        `ExplicitTableau.packed` and the number of stages.
    grid, tape, rows
        As `integrate` left them.
    step, stop : int
        Steps ``step, ..., stop - 1`` are treated.
    t_saves, saves_dot : ndarray, shapes (m,) and (K * n * m,)
    save : int
        The next save to write.
    t_end : float
        The time at the end of step ``stop - 1``.
    states_dot, slopes_dot : ndarray, shape (K * n,)
        Tangents of the state and of the model's value there.
    n : int
        Number of components.
    work : ndarray, shape (tangent_work(s, n),)

    Returns
    -------
    int
        The next save to write, or `DERIVATIVE_FAILED`.
    """
    directions, m = states_dot.size // n, t_saves.size
    n_p = parameters_dot.size // directions
    scratch = (s - 1) * n
    width = (tape.size - scratch) // rows
    k = pointer(work)
    kdot, wdot, unused = shift(k, s * n), shift(k, 2 * s * n), shift(k, (2 * s + 1) * n)
    weights = shift(k, (2 * s + 2) * n)
    a, _, c, _, dense = tableau_parts(pointer(coefficients), s)
    degree = (coefficients.size - 2 * s * s - 2 * s) // s
    p, pdots, memory = pointer(parameters), pointer(parameters_dot), pointer(tape)
    times, out, ydots, left = (
        pointer(t_saves),
        pointer(saves_dot),
        pointer(states_dot),
        pointer(slopes_dot),
    )
    status = 0
    if step == 0:
        t0 = grid[0] if stop > 0 else t_end
        save, status = _push_start(
            jvp,
            p,
            pdots,
            t0,
            shift(memory, scratch),
            save,
            times,
            m,
            out,
            ydots,
            left,
            unused,
            directions,
            n,
            n_p,
        )
    while step < stop and status == 0:
        t, h = grid[2 * step], grid[2 * step + 1]
        t_new = grid[2 * step + 2] if step + 1 < stop else t_end
        y = shift(memory, scratch + step * width)
        w = y
        if width != scratch:
            w = memory
            status |= restage(value, p, t, h, y, w, a, c, k, n, s)
        first = save
        for d in range(directions):
            ydot, slope, pdot = shift(ydots, d * n), shift(left, d * n), shift(pdots, d * n_p)
            for i in range(n):
                kdot[i] = slope[i]
            status |= _push_stages(
                jvp, p, pdot, t, h, t_new, shift(y, width), w, a, c, ydot, wdot, kdot, unused, n, s
            )
            save = _push_saves(
                t,
                h,
                t_new,
                first,
                times,
                m,
                shift(out, d * n * m),
                ydot,
                wdot,
                kdot,
                dense,
                degree,
                weights,
                n,
                s,
            )
            for i in range(n):
                ydot[i] = wdot[i]
                slope[i] = kdot[scratch + i]
        step += 1
    return save if status == 0 else DERIVATIVE_FAILED
