"""Signals: convolution, correlation, gradient, interpolation, phase, cross products, windows."""

import numpy as np

from .inputs import T3, A, M, P, Q, W, Z, draw, x

__all__ = ["CASES"]

FIVE = draw(5, low=-1, high=1)
GRID = np.array([0.0, 0.3, 1.0, 1.2, 2.0])
SQUARE = draw(4, 5, low=-1, high=1)


def _of_mode(function, mode):
    return lambda a, b: function(a, b, mode=mode)


CASES = {
    **{
        f"{name} {mode}": (
            _of_mode(getattr(np, name), mode),
            FIVE,
            P,
        )
        for name in ("convolve", "correlate")
        for mode in ("full", "same", "valid")
    },
    "convolve short first": (lambda a, b: np.convolve(a, b, "same"), P[:2], FIVE),
    "convolve short first, valid": (lambda a, b: np.convolve(a, b, "valid"), P[:2], FIVE),
    "correlate short first": (lambda a, b: np.correlate(a, b, "full"), P[:2], FIVE),
    "correlate short first, valid": (np.correlate, P[:2], FIVE),
    "correlate short first, same": (lambda a, b: np.correlate(a, b, "same"), P[:2], FIVE),
    "convolve even": (lambda a, b: np.convolve(a, b, "same"), draw(4), P[:2]),
    "correlate even": (lambda a, b: np.correlate(a, b, "same"), draw(4), P[:2]),
    "correlate even, short first": (lambda a, b: np.correlate(a, b, "same"), P[:2], draw(4)),
    "convolve numbers": (np.convolve, x, P),
    "convolve constant": (lambda a: np.convolve([1.0, -2.0, 1.0], a, "same"), FIVE),
    "convolve complex": (np.convolve, Z, W),
    "convolve real and complex": (np.convolve, A, W),
    "correlate complex": (lambda a, b: np.correlate(a, b, "full"), Z, W),
    "correlate complex, short first": (lambda a, b: np.correlate(a, b, "full"), Z[:2], W),
    "correlate real and complex": (lambda a, b: np.correlate(a, b, "same"), A, W),
    "gradient": (lambda a: np.gradient(a**2), FIVE),
    "gradient spacing": (lambda a, h: np.gradient(a**2, h), FIVE, 0.3),
    "gradient places": (lambda a, g: np.gradient(a**2, g), FIVE, GRID),
    "gradient second order ends": (lambda a: np.gradient(a**2, 0.5, edge_order=2), FIVE),
    "gradient places, second order ends": (
        lambda a, g: np.gradient(a**2, g, edge_order=2),
        FIVE,
        GRID,
    ),
    "gradient of a matrix": (lambda m: np.gradient(m**2), SQUARE),
    "gradient along one axis": (lambda m: np.gradient(m**2, axis=1), SQUARE),
    "gradient along axes": (
        lambda m, h, g: np.gradient(m**2, h, g, axis=(0, 1), edge_order=2),
        SQUARE,
        0.4,
        GRID,
    ),
    "gradient one spacing": (lambda m: np.gradient(m**2, 2.0), SQUARE),
    "gradient complex": (lambda z: np.gradient(z**2), Z),
    "interp": (lambda t, f: np.interp(t, [0.0, 0.5, 2.0], f), P, Q),
    "interp places": (
        lambda t, xp, fp: np.interp(t, xp, fp),
        P,
        np.array([0.1, 0.55, 2.0]),
        Q,
    ),
    "interp outside": (
        lambda t, fp: np.interp(t, [0.4, 0.6, 0.9], fp),
        np.array([0.1, 0.5, 1.5]),
        Q,
    ),
    "interp left and right": (
        lambda t, lo, hi: np.interp(t, [0.4, 0.6, 0.9], [1.0, 3.0, 2.0], left=lo, right=hi),
        np.array([0.1, 0.5, 1.5]),
        0.3,
        x,
    ),
    "interp period": (
        lambda t, fp: np.interp(t, [0.1, 2.4, 1.2], fp, period=2.0),
        np.array([-0.7, 0.3, 1.0, 5.3]),
        Q,
    ),
    "interp period of traced places": (
        lambda t, xp: np.interp(t, xp, [1.0, 2.0, 0.5], period=2.0),
        np.array([-0.7, 0.3, 1.0, 5.3]),
        np.array([0.1, 2.4, 1.2]),
    ),
    "interp of a number": (lambda t, fp: np.interp(t, [0.0, 0.5, 2.0], fp), x, Q),
    "interp complex": (lambda t, fp: np.interp(t, [0.0, 0.5, 2.0], fp), P, Z),
    "interp matrix": (lambda t: np.interp(t, [-1.0, 0.1, 2.0], [1.0, 0.0, 5.0]), M),
    "unwrap": (lambda a: np.unwrap(a) ** 2, np.array([0.3, 3.0, -3.1, -2.9, 3.0])),
    "unwrap axis": (lambda m: np.unwrap(m, axis=0) ** 2, 5 * SQUARE),
    "unwrap period": (lambda m: np.unwrap(m, period=1.3, discont=0.9) ** 2, 2 * SQUARE),
    "cross": (np.cross, A, P),
    "cross stacks": (np.cross, M, P),
    "cross columns": (lambda a, b: np.cross(a, b, axis=0), draw(3, 2), draw(3, 2, seed=2)),
    "cross axes": (
        lambda a, b: np.cross(a, b, axisa=0, axisc=0),
        draw(3, 2),
        draw(2, 3, seed=2),
    ),
    "cross complex": (np.cross, Z, W),
    "i0": (np.i0, 3 * A),
    "i0 large": (np.i0, np.array([8.5, 0.0, 12.0])),
    "sinc": (np.sinc, 3 * A),
    "sinc near zero": (np.sinc, np.array([0.0, 1e-9, -1e-4, 0.299, 0.301])),
    "windows": (
        lambda a: a * np.hanning(3) + a**2 * np.hamming(3) + a * np.bartlett(3) * np.blackman(3),
        A,
    ),
    "kaiser": (lambda a: a * np.kaiser(3, 5.0), A),
    "kaiser of a traced shape": (lambda b: np.kaiser(5, b), 3.0),
    "trapezoid": (np.trapezoid, P),
    "trapezoid of a stack": (lambda t, g: np.trapezoid(t**2, g, axis=1), T3, GRID[:3]),
}
