"""Numbers and arrays that the cases share: small, away from kinks, drawn once."""

import numpy as np


def draw(*shape, low=0.3, high=1.2, seed=0):
    """Uniform numbers in [low, high)."""
    return np.random.default_rng(seed).uniform(low, high, shape)


A = draw(3, low=-0.9, high=0.9)
P = draw(3)
Q = draw(3, seed=1)
M = draw(2, 3, low=-1, high=1)
N = draw(3, 2, low=-1, high=1, seed=2)
S = draw(3, 3, low=-1, high=1, seed=3)
T3 = draw(2, 3, 2, low=-1, high=1, seed=4)
Z = draw(3) + 1j * draw(3, low=-0.8, high=0.8, seed=5)
W = draw(3, seed=6) - 1j * draw(3, seed=7)
x, y = 0.7, 1.3
