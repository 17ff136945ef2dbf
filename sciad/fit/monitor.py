"""What stands between the optimiser and the problem: counting, remembering the best, surviving."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult

from sciad.core.errors import IntegrationError, SciadError
from sciad.fit.objective import Problem
from sciad.fit.progress import Progress

__all__ = ["BudgetSpent", "Monitor", "Stopped"]

Callback = Callable[[OptimizeResult], Any]


class BudgetSpent(Exception):
    """Raised inside an optimiser to end it: the evaluations allowed for a start are used up."""


class Stopped(Exception):
    """Raised inside an optimiser to end the fit: the user's callback raised `StopIteration`."""


class Monitor:
    """Evaluates a `Problem` for an optimiser.

    A failed solve counts as an infinite likelihood: its reason is recorded and the run goes on.
    A mistake (any other error of the library, a `TypeError` of the model ...) is not hidden.

    Attributes
    ----------
    nfev, njev : int
        Evaluations of the likelihood, and of its gradient or Jacobian.
    best_x, best_nllh : ndarray or None, float
        The best point of all starts.
    failures : Counter
        Reason to number of failed evaluations.
    reason : str
        The reason of the latest failure.
    """

    def __init__(
        self,
        problem: Problem,
        display: Progress,
        callback: Callback | None = None,
        max_nfev: int | None = None,
    ) -> None:
        self.problem, self.display, self.callback = problem, display, callback
        self.max_nfev = max_nfev
        self.begin = time.perf_counter()
        self.nfev = self.njev = self.nit = self.start = 0
        self.best_x: np.ndarray | None = None
        self.best_nllh = np.inf
        self.failures: Counter[str] = Counter()
        self.reason = ""
        self.begin_start(0)

    def begin_start(self, number: int) -> None:
        """Forget the points of the last start; the best of all is kept."""
        self.start, self.start_nfev, self.nit = number, self.nfev, 0
        self.start_x: np.ndarray | None = None
        self.start_nllh, self.worst_nllh = np.inf, -np.inf

    # What the optimisers call.

    def nllh(self, x: np.ndarray) -> float:
        """Evaluate the likelihood alone, infinite where the solve fails."""
        value = self._attempt(self.problem.nllh, x)
        if value is not None and not np.isfinite(value):
            self._fail("the likelihood is not finite")
        nllh = float(value) if value is not None and np.isfinite(value) else np.inf
        self._record(x, nllh)
        return nllh

    def residuals(self, x: np.ndarray) -> np.ndarray:
        """Evaluate the standardised residuals; all infinite where the solve fails."""
        residuals = self._attempt(self.problem.residuals, x)
        if residuals is None:
            self._record(x, np.inf)
            return np.full(self.problem.data.n_data, np.inf)
        sigma = self.problem.sigma(self.problem.params.valuesdict())
        half = 0.5 * float(residuals @ residuals)
        self._record(x, self.problem.constant + float(np.log(sigma).sum()) + half)
        return np.asarray(residuals)

    def residual_jacobian(self, x: np.ndarray) -> np.ndarray:
        """Exact Jacobian at an accepted point (the residuals there are known to be finite)."""
        self.njev += 1
        self.iterated(x)
        return self.problem.residual_jacobian(x)

    def nllh_and_gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Value and gradient; where the solve fails, a value above all seen and no slope.

        The line searches of `scipy.optimize.minimize` interpolate between values, which infinity
        would turn into NaN: they get a finite wall to step back from. The record says infinity.
        """
        found = self._attempt(self.problem.nllh_and_gradient, x)
        self.njev += 1
        if found is None or not (np.isfinite(found[0]) and np.all(np.isfinite(found[1]))):
            if found is not None:
                self._fail("the likelihood or its gradient is not finite")
            self._record(x, np.inf)
            wall = self.worst_nllh + 10.0 * (1.0 + abs(self.worst_nllh - self.start_nllh))
            return (wall if np.isfinite(wall) else np.inf), np.zeros_like(x)
        self._record(x, found[0])
        return found

    def information(self, x: np.ndarray) -> np.ndarray:
        """Evaluate the expected Fisher information."""
        self.njev += 1
        root = self.problem.fisher_root(x)
        return root.T @ root

    def iterated(self, x: np.ndarray) -> None:
        """One accepted step: tell the user's callback, which may raise `StopIteration`."""
        self.nit += 1
        if self.callback is None:
            return
        state = OptimizeResult(
            x=np.array(x),
            fun=self.start_nllh,
            params=self.problem.params.natural(np.array(x)),
            nit=self.nit,
            nfev=self.nfev,
            start=self.start,
            elapsed=self.elapsed,
        )
        try:
            self.callback(state)
        except StopIteration as stop:
            # in this form it passes through every optimiser of SciPy alike
            raise Stopped("stopped by the callback") from stop

    @property
    def elapsed(self) -> float:
        """Seconds since the fit began."""
        return time.perf_counter() - self.begin

    def _attempt(self, function: Callable[[np.ndarray], Any], x: np.ndarray) -> Any:
        if self.max_nfev is not None and self.nfev - self.start_nfev >= self.max_nfev:
            raise BudgetSpent(f"the {self.max_nfev} evaluations allowed are used up")
        self.nfev += 1
        try:
            with np.errstate(all="ignore"):
                return function(x)
        except (IntegrationError, ArithmeticError, np.linalg.LinAlgError) as error:
            self._fail(_summary(error))
        except ValueError as error:  # math.log(-1) and the like; a wrong input is another matter
            if isinstance(error, SciadError):
                raise
            self._fail(_summary(error))
        return None

    def _fail(self, reason: str) -> None:
        self.reason = reason
        self.failures[reason] += 1

    def _record(self, x: np.ndarray, nllh: float) -> None:
        if np.isfinite(nllh):
            self.worst_nllh = max(self.worst_nllh, nllh)
        if nllh < self.start_nllh:
            self.start_nllh, self.start_x = nllh, np.array(x)
        if nllh < self.best_nllh:
            self.best_nllh, self.best_x = nllh, np.array(x)
        self.display.update(self.start, self.nfev, self.best_nllh)


def _summary(error: Exception) -> str:
    if isinstance(error, SciadError):
        return error.what
    return f"{type(error).__name__}: {error}".partition("\n")[0]
