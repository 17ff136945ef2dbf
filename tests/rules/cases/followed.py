"""NumPy functions written in Python, which are followed."""

import numpy as np

from .inputs import A, M, N

CASES = {
    "polyval": (lambda c, t: np.polyval(c, t), A, 0.7),
    "multi_dot": (lambda m, n, a: np.linalg.multi_dot([m, n, m, a]), M, N, A),
}
