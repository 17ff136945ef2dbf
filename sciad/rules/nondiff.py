"""Functions whose derivative is zero wherever it exists, and questions about a value.

They are called with plain numbers and give plain numbers; an array they create can be written with
traced values afterwards. ``int(x)`` is in the list as ``math.trunc`` is: piecewise constant.
"""

import cmath
import math
import operator

import numpy as np

from sciad.core.rules import nondifferentiable

__all__: list[str] = []

# rounding and signs
nondifferentiable(np.floor, np.ceil, np.trunc, np.rint, np.round, np.around, np.fix, np.signbit)
nondifferentiable(math.floor, math.ceil, math.trunc, int, round, bool)

# comparisons and tests
nondifferentiable(
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.logical_and
)
nondifferentiable(np.logical_or, np.logical_xor, np.logical_not, np.isnan, np.isinf, np.isfinite)
nondifferentiable(np.isneginf, np.isposinf, np.isreal, np.iscomplex, np.iscomplexobj, np.isrealobj)
nondifferentiable(np.isclose, np.allclose, np.array_equal, np.array_equiv, np.all, np.any)
nondifferentiable(math.isnan, math.isinf, math.isfinite, math.isclose)
nondifferentiable(cmath.isnan, cmath.isinf, cmath.isfinite, cmath.isclose)
nondifferentiable(operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge)
nondifferentiable(operator.truth, operator.not_, hasattr)

# positions and counts
nondifferentiable(np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.lexsort)
nondifferentiable(np.nonzero, np.flatnonzero, np.argwhere, np.count_nonzero, np.searchsorted)
nondifferentiable(np.digitize, np.isin, np.argpartition)

# shape and type
nondifferentiable(np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.min_scalar_type)
nondifferentiable(np.common_type, np.iscomplexobj, np.isscalar, np.shares_memory)
nondifferentiable(np.may_share_memory, np.broadcast_shapes, np.spacing, np.ndindex)

# arrays like a given one
nondifferentiable(np.zeros_like, np.ones_like, np.empty_like)

# text
nondifferentiable(np.array2string, np.array_str, np.array_repr)
