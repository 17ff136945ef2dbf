r"""The exact transpose of the accepted steps of an explicit Runge-Kutta pair.

A step is :math:`w_i = y + h \sum_{j<i} a_{ij} k_j`, :math:`k_i = f(t + c_i h, w_i, p)`, with
:math:`y_{new} = w_s`. Read backwards, with a bar for the derivative of the loss,

.. math:: \bar k_j = \bar k_j^{saves} + h \sum_{i>j} a_{ij} \bar w_i, \qquad
          \bar w_j \mathrel{+}= J_y^T \bar k_j, \qquad \bar p \mathrel{+}= J_p^T \bar k_j, \qquad
          \bar y = \sum_i \bar w_i ,

which is the same sum over stages with the tableau transposed and reversed. The stage shared by two
steps is transposed once, with the contributions of both. A saved value
:math:`y + h \sum_j b_j(\theta) k_j` adds :math:`h\, b_j(\theta)\, \bar s` to :math:`\bar k_j` and
:math:`\bar s` to :math:`\bar y`.
"""

from numba import float64, int64, intp

from sciad.compiler.back.cached import njit
from sciad.ode.kernels.abi import call_value, call_vjp, pointer, shift
from sciad.ode.kernels.stages import dense_weights, stage_sum, tableau_parts

__all__ = ["DERIVATIVE_FAILED", "adjoint_work", "restage", "transpose"]

DERIVATIVE_FAILED = -2

_array = float64[::1]


def adjoint_work(s: int, n: int) -> int:
    """Return how many numbers of working space `transpose` needs."""
    return (3 * s + 2) * n + s + 1


@njit(error_model="numpy")
def restage(value, p, t, h, y, w, a, c, k, n, s):
    """Recompute the stage states of a step into `w`; return 0, or 1 if the model failed."""
    for j in range(s - 1):
        state = y if j == 0 else shift(w, j * n)
        if j > 0:
            stage_sum(state, y, h, shift(a, j * s), j, k, n)
        if j < s - 2 and call_value(value, t + c[j] * h, state, p, shift(k, j * n)) != 0:
            return 1
    return 0


@njit(error_model="numpy")
def _transpose_saves(t, h, save, times, m, saves_bar, dense, degree, weights, seeds, beside, n, s):
    """Add the cotangents of the times inside a step; return the next save to treat."""
    while save >= 0 and (times[save] - t) * h > 0.0:
        dense_weights((times[save] - t) / h, dense, degree, s, weights)
        for i in range(n):
            bar = saves_bar[i * m + save]
            beside[i] += bar
            for j in range(s):
                seeds[j * n + i] += h * weights[j] * bar
        save -= 1
    return save


@njit(error_model="numpy")
def _add_saves_at(t, save, times, m, saves_bar, ybar, n):
    """Add the cotangents of all times equal to `t`; return the next save to treat."""
    while save >= 0 and times[save] == t:
        for i in range(n):
            ybar[i] += saves_bar[i * m + save]
        save -= 1
    return save


@njit(error_model="numpy")
def _transpose_stages(
    vjp, p, pbar, t, h, t_new, w, a_reversed, c, seeds, kbar_j, kbar, ybar, wbar, tbar, n, s
):
    """Carry `kbar`, the cotangent of the last stage, and `ybar` to the start of the step.

    ``wbar[q]`` is the cotangent of the stage state ``s - 1 - q``; the first is that of ``y_new``.
    """
    status = 0
    for i in range(n):
        wbar[i] = ybar[i]
    for j in range(s - 2, 0, -1):
        done = s - 1 - j
        stage_sum(kbar_j, shift(seeds, j * n), h, shift(a_reversed, done * s), done, wbar, n)
        target = shift(wbar, done * n)
        for i in range(n):
            target[i] = 0.0
        t_stage = t_new if c[j] == 1.0 else t + c[j] * h
        status |= call_vjp(vjp, t_stage, shift(w, j * n), p, kbar_j, tbar, target, pbar)
        for i in range(n):
            ybar[i] += target[i]
    stage_sum(kbar, seeds, h, shift(a_reversed, (s - 1) * s), s - 1, wbar, n)
    return status


@njit(error_model="numpy")
def _all_zero(x):
    nonzero = 0
    for value in x:
        nonzero += value != 0.0
    return nonzero == 0


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
    _array,
)


@njit(_signature, nogil=True, error_model="numpy")
def transpose(
    vjp,
    value,
    parameters,
    parameters_bar,
    coefficients,
    s,
    grid,
    tape,
    rows,
    step,
    stop,
    t_saves,
    saves_bar,
    save,
    t_right,
    state_bar,
    slope_bar,
    work,
):
    """Carry the cotangents from the end of step ``step - 1`` to the start of step `stop`.

    Parameters
    ----------
    vjp, value : intp
        Addresses.
    parameters, parameters_bar : ndarray
        Packed parameters, and their cotangents, which are added to.
    coefficients, s : ndarray, int
        `ExplicitTableau.packed` and the number of stages.
    grid, tape, rows
        As `integrate` left them.
    step, stop : int
        Steps ``step - 1, ..., stop`` are transposed, in this order.
    t_saves, saves_bar : ndarray, shapes (m,) and (n * m,)
        Saved times and the cotangents of the saved values.
    save : int
        The last save not treated yet.
    t_right : float
        The time at the end of step ``step - 1``.
    state_bar, slope_bar : ndarray, shape (n,)
        Cotangents of the state at `t_right` and of the model's value there.
    work : ndarray, shape (adjoint_work(s, n),)
        Zeros; left as zeros where it matters.

    Returns
    -------
    int
        The last save not treated yet, or `DERIVATIVE_FAILED`.
    """
    n, m = state_bar.size, t_saves.size
    scratch = (s - 1) * n
    width = (tape.size - scratch) // rows
    seeds = pointer(work)
    wbar, k = shift(seeds, s * n), shift(seeds, 2 * s * n)
    beside, kbar_j = shift(seeds, 3 * s * n), shift(seeds, (3 * s + 1) * n)
    weights, tbar = shift(seeds, (3 * s + 2) * n), shift(seeds, (3 * s + 2) * n + s)
    a, a_reversed, c, _, dense = tableau_parts(pointer(coefficients), s)
    degree = (coefficients.size - 2 * s * s - 2 * s) // s
    p, pbar, memory = pointer(parameters), pointer(parameters_bar), pointer(tape)
    times, bars, ybar, kbar = (
        pointer(t_saves),
        pointer(saves_bar),
        pointer(state_bar),
        pointer(slope_bar),
    )
    idle = _all_zero(state_bar) and _all_zero(slope_bar)
    status = 0
    while step > stop:
        step -= 1
        t, h, t_new = grid[2 * step], grid[2 * step + 1], t_right
        t_right = t
        if idle and (save < 0 or (times[save] - t) * h <= 0.0):
            # No later value depends on this step: a singular derivative here must not make 0 NaN.
            continue
        idle = False
        y = shift(memory, scratch + step * width)
        w = y
        if width != scratch:
            w = memory
            status |= restage(value, p, t, h, y, w, a, c, k, n, s)
        save = _add_saves_at(t_new, save, times, m, bars, ybar, n)
        has_saves = save >= 0 and (times[save] - t) * h > 0.0
        if has_saves:
            save = _transpose_saves(
                t, h, save, times, m, bars, dense, degree, weights, seeds, beside, n, s
            )
            for i in range(n):
                kbar[i] += seeds[(s - 1) * n + i]
        status |= call_vjp(vjp, t_new, shift(y, width), p, kbar, tbar, ybar, pbar)
        status |= _transpose_stages(
            vjp, p, pbar, t, h, t_new, w, a_reversed, c, seeds, kbar_j, kbar, ybar, wbar, tbar, n, s
        )
        if has_saves:
            for i in range(n):
                ybar[i] += beside[i]
                beside[i] = 0.0
            for i in range(s * n):
                seeds[i] = 0.0
        if status != 0:
            return DERIVATIVE_FAILED
    if stop == 0:
        save = _add_saves_at(t_right, save, times, m, bars, ybar, n)
        if not _all_zero(slope_bar):
            status |= call_vjp(vjp, t_right, shift(memory, scratch), p, kbar, tbar, ybar, pbar)
    return save if status == 0 else DERIVATIVE_FAILED
