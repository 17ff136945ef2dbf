"""The border of `solve_ivp`: every argument is checked here, and nowhere else."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from sciad.core.errors import InputError, user_location
from sciad.core.tracer import any_traced, is_traced, is_wrapped, primal_of
from sciad.ode.methods import METHODS
from sciad.ode.tableau import ExplicitTableau
from sciad.ode.warning import warn_user

__all__ = [
    "Times",
    "check_args",
    "check_options",
    "check_states",
    "check_steps",
    "check_times",
    "check_tolerances",
    "find_method",
]

#: SciPy's methods that this version does not have.
PLANNED = ("Radau", "BDF", "LSODA", "DOP853")
#: SciPy's options of implicit methods.
WITHOUT_EFFECT = ("jac", "jac_sparsity", "lband", "uband", "min_step")
SMALLEST_RTOL = float(100 * np.finfo(float).eps)


@dataclass(slots=True)
class Times:
    """Checked times of a solve, with and without derivatives.

    Attributes
    ----------
    t0, t1 : float
        The span.
    save : ndarray or None
        Save times; None for all accepted steps.
    span, traced_save : object
        The same as given, if traced; None otherwise.
    """

    t0: float
    t1: float
    save: np.ndarray | None
    span: tuple[Any, Any] | None = None
    traced_save: Any = None

    @property
    def traced(self) -> bool:
        """Whether a time carries a derivative."""
        return self.span is not None or self.traced_save is not None


def find_method(method: Any) -> ExplicitTableau:
    """Return the tableau of a method's name."""
    found = METHODS.get(method) if isinstance(method, str) else None
    if found is not None:
        return found
    available = ", ".join(METHODS)
    if method in PLANNED:
        raise InputError(
            f"method {method!r} is not available in sciad.ode yet",
            hint=f"available methods: {available}; all are explicit (non-stiff problems)",
        )
    raise InputError(f"unknown method {method!r}", hint=f"available methods: {available}")


def check_times(t_span: Any, t_eval: Any) -> Times:
    """Check the span and the save times."""
    try:
        first, last = t_span
    except (TypeError, ValueError):
        raise InputError(f"t_span must be a pair (t0, t1), not {t_span!r}") from None
    t0, t1 = _time("t_span[0]", first), _time("t_span[1]", last)
    span: Any = None
    if is_traced(first) or is_traced(last):
        span = (first if is_traced(first) else t0, last if is_traced(last) else t1)
    if t_eval is None:
        return Times(t0, t1, None, span)
    traced = t_eval if _has_traced(t_eval) else None
    try:
        # A copy: the result may be written to.
        save = np.array(primal_of(t_eval) if _boxed(t_eval) else t_eval, dtype=float)
    except (TypeError, ValueError):
        raise InputError("t_eval must be a 1-D array of times") from None
    _check_save_times(save, t0, t1)
    return Times(t0, t1, save, span, traced)


def _time(name: str, value: Any) -> float:
    plain = primal_of(value) if is_wrapped(value) else value
    if type(plain) is not float:
        try:
            plain = float(plain)
        except (TypeError, ValueError):
            raise InputError(f"{name} must be a number, not {plain!r}") from None
    if not math.isfinite(plain):
        raise InputError(f"{name} must be finite, it is {plain}")
    return plain


def _boxed(values: Any) -> bool:
    """Whether a value is one of sciad's boxes, or a sequence with one in it."""
    kind = type(values)
    return kind is not np.ndarray and (
        is_wrapped(values) or ((kind is list or kind is tuple) and any(map(is_wrapped, values)))
    )


def _has_traced(values: Any) -> bool:
    return _boxed(values) and (
        is_traced(values) or (type(values) in (list, tuple) and any_traced(values))
    )


@cache
def _disorder() -> Callable[[np.ndarray, float, float], int]:
    """Import on first use what needs Numba."""
    from sciad.ode.kernels.probe import disorder

    return disorder


def _check_save_times(save: np.ndarray, t0: float, t1: float) -> None:
    if save.ndim != 1:
        raise InputError(f"t_eval must be 1-dimensional, it has shape {save.shape}")
    if _disorder()(save, t0, t1) < 0:
        return
    sign = 1.0 if t1 >= t0 else -1.0
    steps = (save[1:] - save[:-1]) * sign
    if not np.all(np.isfinite(save)):
        i = int(np.argmin(np.isfinite(save)))
        raise InputError(f"t_eval[{i}] is {save[i]}")
    if steps.size and steps.min() < 0.0:
        i = int(np.argmax(steps < 0.0))
        order = "ascending" if sign > 0 else "descending"
        raise InputError(
            f"t_eval is not sorted in the direction of integration ({order}): "
            f"t_eval[{i + 1}] = {float(save[i + 1])!r} follows t_eval[{i}] = {float(save[i])!r}"
        )
    outside = float(save[0] if (save[0] - t0) * sign < 0.0 else save[-1])
    raise InputError(f"t_eval reaches {outside!r}, outside t_span = ({t0!r}, {t1!r})")


def check_states(y0: Any) -> list[Any]:
    """Return the initial state as a list: one plain or traced 1-D array, or `n` scalars."""
    if not is_wrapped(y0) and isinstance(y0, list | tuple) and any(map(is_wrapped, y0)):
        plain = [primal_of(value) for value in y0]
        for i, value in enumerate(plain):
            if np.ndim(value) != 0:
                raise InputError(f"y0[{i}] must be a number, it has shape {np.shape(value)}")
        _check_state_values(np.array(plain))
        return [
            value if is_traced(value) else float(number)
            for value, number in zip(y0, plain, strict=True)
        ]
    if is_traced(y0):
        _check_state_values(np.asarray(primal_of(y0)))
        return [y0]
    try:
        array = np.array(primal_of(y0) if is_wrapped(y0) else y0)
    except ValueError:
        raise InputError(f"y0 must be a sequence of numbers, not {y0!r}") from None
    return [_check_state_values(array)]


def _check_state_values(y0: np.ndarray) -> np.ndarray:
    if y0.dtype.kind == "c":
        raise InputError(
            "y0 is complex; sciad.ode integrates real states",
            hint="write the system in real and imaginary parts",
        )
    if y0.dtype.kind not in "biuf":
        raise InputError(f"y0 must consist of numbers, not of {y0.dtype.name} values")
    if y0.ndim != 1 or y0.size == 0:
        raise InputError(f"y0 must be 1-dimensional and not empty, it has shape {y0.shape}")
    values = y0.astype(float, copy=False)
    # A NaN or infinity survives the scalar product; only an overflow needs the second look.
    if not math.isfinite(values.dot(values)) and not np.all(np.isfinite(values)):
        i = int(np.argmin(np.isfinite(values)))
        raise InputError(f"y0[{i}] is {values[i]}")
    return values


def check_args(args: Any) -> tuple[Any, ...]:
    """Return the extra arguments as a tuple."""
    if args is None:
        return ()
    if isinstance(args, tuple | list):
        return tuple(args)
    raise InputError(
        f"args must be a tuple of extra arguments, not {type(args).__name__}",
        hint="for one argument write args=(value,)",
    )


def check_tolerances(rtol: Any, atol: Any, n: int) -> tuple[float, np.ndarray]:
    """Return the relative tolerance and the absolute tolerance of each component."""
    rtol, atol = _plain_number("rtol", rtol), primal_of(atol)
    if rtol == math.inf:
        raise InputError("rtol must be finite, it is inf")
    if not rtol >= SMALLEST_RTOL:
        if not rtol >= 0.0:
            raise InputError(f"rtol must not be negative, it is {rtol}")
        warn_user(f"rtol = {rtol} is too small, {SMALLEST_RTOL} is used")
        rtol = SMALLEST_RTOL
    if type(atol) is float and 0.0 <= atol < math.inf:
        each = np.empty(n)
        each.fill(atol)  # quicker than np.full
        return rtol, each
    try:
        each = np.array(atol, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"atol must be a number or an array of numbers, not {atol!r}") from None
    if each.shape not in ((), (n,)):
        raise InputError(f"atol has shape {each.shape}; it must be a number or have shape ({n},)")
    if not np.all((each >= 0.0) & (each < math.inf)):
        raise InputError(f"atol must be finite and not negative, it is {atol}")
    return rtol, np.array(np.broadcast_to(each, (n,)))


def check_steps(first_step: Any, max_step: Any, max_num_steps: Any, span: float) -> tuple:
    """Return the first step (0 to choose one), the longest step and the limit of their number."""
    longest = max_step if max_step == math.inf else _plain_number("max_step", max_step)
    if not longest > 0.0:
        raise InputError(f"max_step must be positive, it is {longest}")
    first = 0.0
    if first_step is not None:
        first = _plain_number("first_step", first_step)
        if not 0.0 < first <= abs(span):
            raise InputError(
                f"first_step must be positive and not longer than the span {abs(span)}, "
                f"it is {first}"
            )
    if isinstance(max_num_steps, bool) or not isinstance(max_num_steps, int | np.integer):
        raise InputError(f"max_num_steps must be an integer, not {max_num_steps!r}")
    if max_num_steps < 1:
        raise InputError(f"max_num_steps must be at least 1, it is {max_num_steps}")
    return first, float(longest), int(max_num_steps)


def _plain_number(name: str, value: Any) -> float:
    if type(value) is float:
        return value
    if is_traced(value):
        raise InputError(
            f"{name} is traced: the step-size control is not differentiated",
            where=user_location(),
            hint="use sciad.stop_gradient on it",
        )
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number, not {value!r}") from None


def check_options(fun: Any, events: Any, options: dict[str, Any]) -> None:
    """Refuse what is not there; warn, as SciPy does, of options without effect."""
    if not callable(fun):
        raise InputError(f"fun must be callable, it is {fun!r}")
    if events is not None:
        raise InputError(
            "events are not available in sciad.ode yet",
            hint="use dense_output=True and search the solution for the event",
        )
    unknown = [name for name in options if name not in WITHOUT_EFFECT]
    if unknown:
        raise InputError(f"solve_ivp has no option {unknown[0]!r}")
    if options:
        names = ", ".join(options)
        warn_user(f"options without effect for explicit methods: {names}")
