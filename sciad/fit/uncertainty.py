"""What the data say about the parameters: covariance, identifiability, bands around the curves.

The covariance is the inverse of the expected Fisher information at the estimate (Gauss-Newton, with
the rows of estimated standard deviations), computed from exact forward sensitivities. It is carried
to the natural scale and to the curves by the delta method, that is by the exact first derivative.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from sciad.core.transforms import jacobian
from sciad.fit.objective import Problem
from sciad.fit.simulation import Schedule

__all__ = ["Band", "Uncertainty", "bands", "uncertainty_at"]

# Singular values of the sensitivity matrix (columns scaled to length one) below this are zero:
# exact sensitivities are collinear to rounding, about 1e-15, where parameters cannot be told apart.
COLLINEAR = 1e-9
# A parameter takes part in an undetermined direction if its share in it exceeds this.
SHARE = 1e-4


@dataclass(frozen=True)
class Uncertainty:
    """Covariance of the estimates and what it leaves open.

    Attributes
    ----------
    axis_covar, covar : ndarray, shape (n_free, n_free)
        On the optimisation axes and on the natural scale. Rows and columns of parameters without
        a determined variance hold NaN.
    determined : ndarray of bool, shape (n_free,)
        Which parameters have a variance.
    verdicts : tuple of str
        In words: parameters that cannot be identified, or that lie at a bound.
    complete : bool
        Whether every free parameter has a variance or lies at a bound.
    decrement : float
        Drop of the likelihood that a full Fisher-scoring step would promise: far below 1 at a
        minimum.
    """

    axis_covar: np.ndarray
    covar: np.ndarray
    determined: np.ndarray
    verdicts: tuple[str, ...]
    complete: bool
    decrement: float


def uncertainty_at(problem: Problem, x: np.ndarray, gradient: np.ndarray) -> Uncertainty:
    """Covariance and verdicts at `x`, where the likelihood has this gradient."""
    names, n = problem.params.free, x.size
    root = problem.fisher_root(x)
    lengths = np.linalg.norm(root, axis=0)
    at_bound = _at_bounds(problem, x, gradient, lengths)
    verdicts = [
        f"{names[i]} lies at its {side} bound: it has no standard error, and those of the others "
        "take it as fixed"
        for i, side in at_bound.items()
    ]
    silent = [i for i in range(n) if lengths[i] == 0 and i not in at_bound]
    if silent:
        verdicts.append(
            f"{_listed([names[i] for i in silent])} cannot be identified: no influence on the data"
        )
    kept = np.array([i for i in range(n) if i not in at_bound and lengths[i] > 0], dtype=int)
    inner, lost, texts = _invert(root[:, kept], lengths[kept], [names[i] for i in kept])
    covar = np.full((n, n), np.nan)
    covar[np.ix_(kept, kept)] = inner
    determined = np.zeros(n, dtype=bool)
    determined[kept] = ~lost
    slopes = problem.params.slopes(x)
    step = np.nan_to_num(covar[np.ix_(determined, determined)]) @ gradient[determined]
    return Uncertainty(
        axis_covar=covar,
        covar=covar * slopes[:, None] * slopes[None, :],
        determined=determined,
        verdicts=tuple(verdicts + texts),
        complete=not silent and not np.any(lost),
        decrement=0.5 * float(gradient[determined] @ step),
    )


def _at_bounds(
    problem: Problem, x: np.ndarray, gradient: np.ndarray, lengths: np.ndarray
) -> dict[int, str]:
    """Free parameters at a bound that the gradient presses them against.

    `lengths` are the inverses of the parameters' conditional standard errors. Interior-point
    methods stop this side of a bound: a hundredth of that error is near enough, if the gradient
    says that the likelihood would gain by more.
    """
    lower, upper = problem.params.axis_bounds()
    room = np.where(np.isfinite(upper - lower), 1e-3 * (upper - lower), 0.0)
    near = np.minimum(room, np.divide(0.01, lengths, out=room.copy(), where=lengths > 0))
    near[np.abs(gradient) <= 0.01 * lengths] = 0.0
    near += 1e-12 * np.abs(x)  # rounding
    found = {}
    for i in range(x.size):
        if x[i] - lower[i] <= near[i] and gradient[i] > 0:
            found[i] = "lower"
        elif upper[i] - x[i] <= near[i] and gradient[i] < 0:
            found[i] = "upper"
    return found


def _invert(
    root: np.ndarray, lengths: np.ndarray, names: list[str]
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Inverse of ``root.T @ root`` where it exists, which parameters it misses, and why.

    With the columns scaled to length one, ``root = U S V^T diag(lengths)``, so that the inverse is
    ``diag(1/lengths) V S^-2 V^T diag(1/lengths)``. Directions ``V_k`` with ``S_k = 0`` are
    undetermined; so is each parameter with a share in one of them.
    """
    if not names:
        return np.zeros((0, 0)), np.zeros(0, dtype=bool), []
    _, singular, directions = np.linalg.svd(
        root / lengths, full_matrices=root.shape[0] < len(names)
    )
    singular = np.append(singular, np.zeros(len(names) - singular.size))
    open_ = singular < COLLINEAR
    inverse = np.divide(1.0, singular, out=np.zeros_like(singular), where=~open_)
    scaled = directions.T * inverse
    covar = (scaled @ scaled.T) / np.outer(lengths, lengths)
    shares = np.abs(directions[open_])
    lost = np.any(shares > SHARE, axis=0) if open_.any() else np.zeros(len(names), dtype=bool)
    covar[lost, :] = covar[:, lost] = np.nan
    if not open_.any():
        return covar, lost, []
    involved = [name for name, missing in zip(names, lost, strict=True) if missing]
    count = int(open_.sum())
    return (
        covar,
        lost,
        [
            f"{_listed(involved)} cannot be identified: the data leave "
            f"{count} combination{'s' if count > 1 else ''} of them undetermined"
        ],
    )


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


@dataclass(frozen=True)
class Band:
    """A predicted curve of one observable with its two bands, all of shape ``(n,)``.

    Attributes
    ----------
    time, curve : ndarray
        The fitted curve: the mean of the observable, for log-normal noise its median.
    lower, upper : ndarray
        Confidence band of the curve itself: the uncertainty of the parameters only.
    lower_new, upper_new : ndarray
        Prediction band of new measurements: that and the noise. NaN where the noise is known only
        for the measurements made (a column in the data).
    """

    time: np.ndarray
    curve: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    lower_new: np.ndarray
    upper_new: np.ndarray


def bands(
    problem: Problem,
    x: np.ndarray,
    axis_covar: np.ndarray,
    times: Mapping[str, np.ndarray],
    level: float,
) -> dict[str, Band]:
    """Curves with pointwise bands (delta method on the axis of the noise) at `times`.

    Bands are NaN if some free parameter has no variance but influences the curve.
    """
    p, schedule = problem.params.natural(x), Schedule(times)
    mean = np.asarray(problem.mean(p, schedule))
    sensitivity = np.asarray(
        jacobian(lambda v: problem.mean(problem.params.natural(v), schedule), mode="forward")(x)
    )
    blind = np.isnan(np.diag(axis_covar))
    covar = np.where(np.isnan(axis_covar), 0.0, axis_covar)
    variance = np.einsum("ij,jk,ik->i", sensitivity, covar, sensitivity)
    variance[np.any(sensitivity[:, blind] != 0, axis=1)] = np.nan
    z = float(ndtri(0.5 + level / 2))
    found, begin = {}, 0
    for name, own in times.items():
        part = slice(begin, begin + own.size)
        begin += own.size
        model = problem.noise[name]
        sigma = model.deviation(p)
        spread = z * np.sqrt(variance[part])
        total = z * np.sqrt(variance[part] + (np.nan if sigma is None else sigma) ** 2)
        found[name] = Band(
            own,
            *(model.from_axis(mean[part] + d) for d in (0.0, -spread, spread, -total, total)),
        )
    return found
