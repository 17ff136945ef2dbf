"""The adaptive loop of explicit Runge-Kutta pairs, for every tableau and every model.

The kernel runs in pieces and keeps all of its state in the arrays it is given: it returns when it
has finished or failed, when its allowance of steps is used up (so that Ctrl-C is heard) or when a
buffer is full (the caller grows it and enters again). Nothing here checks array bounds: every
write stands behind a comparison with the size of its buffer.

Layout of ``tape``: ``(s - 1) * n`` numbers of scratch, then one row per accepted step, of width

* ``(s - 1) * n``: the states at which the model was evaluated (what derivatives need), or
* ``n``: the state at the start of the step, stage states being overwritten in the scratch.

``rows == 0`` means that nothing is kept and two rows are used in turn.
"""

import math

from numba import float64, int64, intp

from sciad.compiler.back.cached import njit
from sciad.ode.control import initial_step, smallest_step, step_factor
from sciad.ode.kernels.abi import call_value, pointer, shift
from sciad.ode.kernels.stages import dense_weights, stage_sum, tableau_parts

__all__ = [
    "ACCEPTED",
    "BUFFER_FULL",
    "CULPRIT",
    "DONE",
    "EVALUATIONS",
    "FAILED_AT",
    "MODEL_FAILED",
    "NEXT_SAVE",
    "NOT_FINITE",
    "OUT_OF_STEPS",
    "PAUSED",
    "REJECTED",
    "STEP_TOO_SMALL",
    "T",
    "integrate",
]

DONE, PAUSED, BUFFER_FULL = 0, 1, 2
STEP_TOO_SMALL, OUT_OF_STEPS, MODEL_FAILED, NOT_FINITE = -1, -2, -3, -4

# clock: the real state of the integration
T, H, LOG_ERROR, FAILED_AT = 0, 1, 2, 3
# counters: its integer state; CULPRIT is a component, or the model's state as an offset in the tape
STARTED, ACCEPTED, REJECTED, EVALUATIONS, NEXT_SAVE, AFTER_REJECTION, CULPRIT = 0, 1, 2, 3, 4, 5, 6
# settings
T_END, RTOL, MAX_STEP, FIRST_STEP, EXPONENT = 0, 1, 2, 3, 4

_array = float64[::1]


@njit(error_model="numpy")
def _scaled_norm(x, minus, y, atol, rtol, n):
    """Root mean square of ``(x - minus) / (atol + rtol * |y|)``."""
    total = 0.0
    for i in range(n):
        ratio = (x[i] - minus[i]) / (atol[i] + rtol * abs(y[i]))
        total += ratio * ratio
    return math.sqrt(total / n)


@njit(error_model="numpy")
def _first_step(model, p, clock, counters, settings, atol, y, trial, k, n):
    """Choose the first step as Hairer, Nørsett & Wanner do (sec. II.4); return whether it worked.

    Three norms: of the state, of its derivative, and of the change of the derivative.
    """
    t, span = clock[T], settings[T_END] - clock[T]
    if settings[FIRST_STEP] > 0.0:
        clock[H] = math.copysign(settings[FIRST_STEP], span)
        return True
    rtol, f1 = settings[RTOL], shift(k, n)
    for i in range(n):
        f1[i] = 0.0
    d0, d1 = _scaled_norm(y, f1, y, atol, rtol, n), _scaled_norm(k, f1, y, atol, rtol, n)
    # Without a scale (atol and y both zero) the norms are NaN: then, too, the smallest guess.
    h0 = 0.01 * d0 / d1 if d0 >= 1e-5 and d1 >= 1e-5 else 1e-6
    h0 = min(max(h0, smallest_step(t)), abs(span))
    signed = math.copysign(h0, span)
    for i in range(n):
        trial[i] = y[i] + signed * k[i]
    counters[EVALUATIONS] += 1
    if call_value(model, t + signed, trial, p, f1) != 0:
        clock[FAILED_AT] = t + signed
        counters[CULPRIT] = 0
        return False
    d2 = _scaled_norm(f1, k, y, atol, rtol, n) / h0
    h1 = initial_step(h0, d1, d2, settings[EXPONENT])
    # A trial point with a NaN in it says nothing about the scale: keep the cautious first guess.
    best = min(100.0 * h0, h1) if h1 == h1 else h0
    clock[H] = math.copysign(min(best, abs(span), settings[MAX_STEP]), span)
    return True


@njit(error_model="numpy")
def _start(model, p, clock, counters, settings, atol, tape, scratch, k, n):
    """Evaluate the model at the start and choose the first step; return a status."""
    y = shift(tape, scratch)
    counters[EVALUATIONS] += 1
    if call_value(model, clock[T], y, p, k) != 0:
        clock[FAILED_AT] = clock[T]
        counters[CULPRIT] = scratch
        return MODEL_FAILED
    for i in range(n):
        if not abs(k[i]) < math.inf:
            clock[FAILED_AT] = clock[T]
            counters[CULPRIT] = i
            return NOT_FINITE
    counters[STARTED] = 1
    worked = _first_step(model, p, clock, counters, settings, atol, y, tape, k, n)
    return DONE if worked else MODEL_FAILED


@njit(error_model="numpy")
def _attempt(model, p, t, h, t_new, y, w, y_new, a, c, k, n, s):
    """Evaluate the stages of one step; return the number of the stage that failed, or 0."""
    for j in range(1, s):
        target = y_new if j == s - 1 else shift(w, j * n)
        stage_sum(target, y, h, shift(a, j * s), j, k, n)
        # Not t + h, which may lie a rounding beyond the end of the span.
        t_stage = t_new if c[j] == 1.0 else t + c[j] * h
        if call_value(model, t_stage, target, p, shift(k, j * n)) != 0:
            return j
    return 0


@njit(error_model="numpy")
def _step_error(y, y_new, h, e, k, atol, rtol, n, s):
    """Return the scaled error; NaN if the new state or a stage is not finite."""
    total, poison = 0.0, 0.0
    for i in range(n):
        error = 0.0
        for j in range(s):
            error += e[j] * k[j * n + i]
        # An infinite state would make the scale infinite and the error zero.
        poison += 0.0 * y_new[i]
        ratio = h * error / (atol[i] + rtol * max(abs(y[i]), abs(y_new[i])))
        total += ratio * ratio
    return math.sqrt(total / n) + poison


@njit(error_model="numpy")
def _worst_component(y, y_new, h, e, k, atol, rtol, n, s):
    """Return the component that kept the step from being accepted."""
    worst, worst_error = 0, -1.0
    for i in range(n):
        error = 0.0
        for j in range(s):
            error += e[j] * k[j * n + i]
        ratio = abs(h * error) / (atol[i] + rtol * max(abs(y[i]), abs(y_new[i])))
        if not ratio < math.inf or not abs(y_new[i]) < math.inf:
            return i
        if ratio > worst_error:
            worst, worst_error = i, ratio
    return worst


@njit(error_model="numpy")
def _save(t, h, t_new, save, times, m, out, y, y_new, k, dense, degree, weights, n, s):
    """Write the states at all requested times up to `t_new`; return the next one."""
    while save < m and (times[save] - t_new) * h <= 0.0:
        if times[save] == t_new:
            for i in range(n):
                out[i * m + save] = y_new[i]
        else:
            dense_weights((times[save] - t) / h, dense, degree, s, weights)
            for i in range(n):
                total = 0.0
                for j in range(s):
                    total += weights[j] * k[j * n + i]
                out[i * m + save] = y[i] + h * total
        save += 1
    return save


@njit(error_model="numpy")
def _next_time(t, h, t_end, max_step):
    """Cut the step to its limits; return the time it reaches and its length."""
    remaining = t_end - t
    # Never so short that the time would stand still (a first step can be, where norms overflow).
    size = max(min(abs(h), max_step), smallest_step(t))
    # A last step of a rounding's length is avoided by stretching the one before it by a hundredth.
    if abs(remaining) <= min(1.01 * size, max_step):
        return t_end, remaining
    t_new = t + math.copysign(size, remaining)
    return t_new, t_new - t


@njit(error_model="numpy")
def _save_start(t, times, m, out, y, n):
    """Write the initial state at all requested times equal to the start; return the next one."""
    save = 0
    while save < m and times[save] == t:
        for i in range(n):
            out[i * m + save] = y[i]
        save += 1
    return save


@njit(error_model="numpy")
def _why_stop(accepted, rejected, begun, rows, allowance, max_attempts):
    """Return why the loop must be left before the next step, or `DONE` if it need not."""
    attempts = accepted + rejected
    if rows > 0 and accepted + 1 >= rows:
        return BUFFER_FULL
    if attempts >= max_attempts:
        return OUT_OF_STEPS
    return PAUSED if attempts - begun >= allowance else DONE


@njit(error_model="numpy")
def _copy(source, target, count):
    for i in range(count):
        target[i] = source[i]


_signature = int64(
    intp,
    _array,
    _array,
    int64[::1],
    _array,
    _array,
    _array,
    int64,
    _array,
    _array,
    _array,
    _array,
    int64,
    _array,
    _array,
    int64,
    int64,
)


@njit(_signature, nogil=True, error_model="numpy")
def integrate(
    model,
    parameters,
    clock,
    counters,
    settings,
    tolerances,
    coefficients,
    s,
    t_saves,
    y_saves,
    grid,
    tape,
    rows,
    stage_buffer,
    stage_tape,
    allowance,
    max_attempts,
):
    """Advance the integration until it is done, has failed, or the caller is needed.

    Parameters
    ----------
    model : intp
        Address of the model's ``value``.
    parameters : ndarray
        Its packed parameters.
    clock, counters : ndarray
        The state of the integration, see the names at the top of this file.
    settings : ndarray
        End time, rtol, longest step, first step (0: choose), 1 / order of the error estimate.
    tolerances : ndarray, shape (n,)
        Absolute tolerance of each component.
    coefficients, s : ndarray, int
        `ExplicitTableau.packed` and the number of stages.
    t_saves, y_saves : ndarray, shapes (m,) and (n * m,)
        Requested times in the direction of integration, and where their states go.
    grid : ndarray, shape (2 * rows,)
        Start times of the accepted steps and their lengths, alternating; rows 0: not kept.
    tape, rows : ndarray, int
        See the top of this file. There is one row more than steps that fit.
    stage_buffer : ndarray, shape (s * n + s,)
        Stage derivatives of the current step, and working space.
    stage_tape : ndarray, shape (rows * s * n,) or (0,)
        Stage derivatives of every accepted step, for dense output.
    allowance, max_attempts : int
        Attempted steps before pausing, and in all.

    Returns
    -------
    int
        One of the statuses at the top of this file.
    """
    n, m = tolerances.size, t_saves.size
    scratch = (s - 1) * n
    width = (tape.size - scratch) // rows if rows > 0 else n
    keeps_stages = rows > 0 and width == scratch
    p, k, atol, memory = (
        pointer(parameters),
        pointer(stage_buffer),
        pointer(tolerances),
        pointer(tape),
    )
    times, out = pointer(t_saves), pointer(y_saves)
    a, _, c, e, dense = tableau_parts(pointer(coefficients), s)
    degree = (coefficients.size - 2 * s * s - 2 * s) // s
    weights, slopes, keeps_slopes = shift(k, s * n), pointer(stage_tape), stage_tape.size > 0
    rtol, exponent = settings[RTOL], settings[EXPONENT]
    t_end, max_step = settings[T_END], settings[MAX_STEP]
    if counters[STARTED] == 0:
        status = _start(model, p, clock, counters, settings, atol, memory, scratch, k, n)
        if status != DONE:
            return status
        counters[NEXT_SAVE] = _save_start(clock[T], times, m, out, shift(memory, scratch), n)
    # The state lives in registers during the loop: through memory it would wait for itself.
    t, h, log_error = clock[T], clock[H], clock[LOG_ERROR]
    accepted, rejected = counters[ACCEPTED], counters[REJECTED]
    save, after_rejection, status = counters[NEXT_SAVE], counters[AFTER_REJECTION] == 1, DONE
    begun = accepted + rejected
    while t != t_end:
        status = _why_stop(accepted, rejected, begun, rows, allowance, max_attempts)
        if status != DONE:
            break
        t_new, h = _next_time(t, h, t_end, max_step)
        row = scratch + (accepted if rows > 0 else accepted % 2) * width
        row_new = scratch + (accepted + 1 if rows > 0 else (accepted + 1) % 2) * width
        y, y_new = shift(memory, row), shift(memory, row_new)
        w = y if keeps_stages else memory
        failed_stage = _attempt(model, p, t, h, t_new, y, w, y_new, a, c, k, n, s)
        if failed_stage != 0:
            clock[FAILED_AT] = t + c[failed_stage] * h
            offset = (row if keeps_stages else 0) + failed_stage * n
            counters[CULPRIT] = row_new if failed_stage == s - 1 else offset
            status = MODEL_FAILED
            break
        error = _step_error(y, y_new, h, e, k, atol, rtol, n, s)
        factor, log_error = step_factor(error, log_error, exponent, after_rejection)
        after_rejection = not error <= 1.0
        if after_rejection:
            rejected += 1
            if abs(h * factor) < smallest_step(t):
                clock[FAILED_AT] = t
                counters[CULPRIT] = _worst_component(y, y_new, h, e, k, atol, rtol, n, s)
                status = STEP_TOO_SMALL
                break
            h *= factor
            continue
        if save < m and (times[save] - t_new) * h <= 0.0:
            save = _save(
                t, h, t_new, save, times, m, out, y, y_new, k, dense, degree, weights, n, s
            )
        if rows > 0:
            grid[2 * accepted] = t
            grid[2 * accepted + 1] = h
        if keeps_slopes:
            _copy(k, shift(slopes, accepted * s * n), s * n)
        _copy(shift(k, scratch), k, n)
        accepted += 1
        h *= factor
        t = t_new
    if status == OUT_OF_STEPS:
        # The step that will not be made tells which component wants it so short.
        t_new, h = _next_time(t, h, t_end, max_step)
        row = scratch + (accepted if rows > 0 else accepted % 2) * width
        row_new = scratch + (accepted + 1 if rows > 0 else (accepted + 1) % 2) * width
        y, y_new = shift(memory, row), shift(memory, row_new)
        _attempt(model, p, t, h, t_new, y, memory, y_new, a, c, k, n, s)
        counters[CULPRIT] = _worst_component(y, y_new, h, e, k, atol, rtol, n, s)
    clock[T], clock[H], clock[LOG_ERROR] = t, h, log_error
    counters[ACCEPTED], counters[REJECTED], counters[NEXT_SAVE] = accepted, rejected, save
    counters[AFTER_REJECTION] = after_rejection
    counters[EVALUATIONS] += (accepted + rejected - begun) * (s - 1)
    return status
