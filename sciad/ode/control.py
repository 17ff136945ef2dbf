r"""Step-size control: the PI controller and the initial step, as functions the kernels call.

The factor by which a step with scaled error :math:`\epsilon_n` (root mean square, accepted when
:math:`\epsilon_n \le 1`) is changed is

.. math:: h_{n+1} = h_n \, \mathrm{clip}\bigl(0.9\; \epsilon_n^{-(1/q - 0.75 \beta)}\;
          \epsilon_{n-1}^{\beta},\ 0.2,\ 10\bigr), \qquad \beta = 0.2 / q,

with :math:`q` the order of the error estimate: the PI controller of Hairer's DOPRI5 [1]_ in
Gustafsson's form, analysed as a digital filter by Söderlind [2]_. The step after a rejection never
grows, and a step with a NaN or an infinity in it is cut by five.

The controller is not differentiated: derivatives are those of the accepted grid.

References
----------
.. [1] E. Hairer, S. P. Nørsett, G. Wanner, "Solving Ordinary Differential Equations I", 2nd ed.,
       Springer 1993, sec. II.4; E. Hairer, G. Wanner, part II, sec. IV.2.
.. [2] G. Söderlind, "Digital filters in adaptive time-stepping", ACM Trans. Math. Softw. 29 (2003).
"""

import math

from sciad.compiler.back.cached import njit

__all__ = ["initial_step", "smallest_step", "step_factor"]

SAFETY, SMALLEST_FACTOR, LARGEST_FACTOR = 0.9, 0.2, 10.0
LOG_SMALLEST_REMEMBERED_ERROR = math.log(1e-4)
EPSILON, SMALLEST_DENORMAL = 2.220446049250313e-16, 5e-324


@njit(error_model="numpy")
def step_factor(error, log_previous, exponent, after_rejection):
    """Return (factor for the next step, logarithm to remember); `error` > 1 is a rejected step."""
    if not error < math.inf:
        return SMALLEST_FACTOR, log_previous
    beta = 0.2 * exponent
    log_error = math.log(max(error, 1e-20))
    if error > 1.0:
        factor = SAFETY * math.exp(-(exponent - 0.75 * beta) * log_error)
        return max(SMALLEST_FACTOR, min(1.0, factor)), log_previous
    factor = SAFETY * math.exp(-(exponent - 0.75 * beta) * log_error + beta * log_previous)
    factor = max(SMALLEST_FACTOR, min(LARGEST_FACTOR, factor))
    if after_rejection:
        factor = min(1.0, factor)
    return factor, max(log_error, LOG_SMALLEST_REMEMBERED_ERROR)


@njit(error_model="numpy")
def smallest_step(t):
    """Return the smallest step that still moves `t` reliably: ten roundings of `t`."""
    return 10.0 * max(abs(t) * EPSILON, SMALLEST_DENORMAL)


@njit(error_model="numpy")
def initial_step(h0, d1, d2, exponent):
    """Return Hairer's second guess of the first step from the first guess and two scaled norms."""
    largest = max(d1, d2)
    if largest <= 1e-15:
        return max(1e-6, 1e-3 * h0)
    return (0.01 / largest) ** exponent
