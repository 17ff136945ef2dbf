"""Convolutions of scipy.signal."""

from scipy import signal

from .inputs import T3, A, M, N, P, S, Z, draw, x

K = draw(2, 2, low=-1, high=1, seed=12)
MODES = ("full", "same", "valid")

CASES = {
    **{f"convolve {mode}": (lambda s, k, m=mode: signal.convolve(s, k, m), S, K) for mode in MODES},
    **{
        f"convolve {mode} direct": (
            lambda s, t, m=mode: signal.convolve(s, t, m, method="direct"),
            draw(4, 3, 3),
            T3[:, :2],
        )
        for mode in MODES
    },
    **{
        f"convolve2d {mode}": (lambda m, s, d=mode: signal.convolve2d(s, m, d), K, S)
        for mode in MODES
    },
    "convolve fft": (lambda m, n: signal.convolve(m, n, method="fft") ** 2, M, N),
    "convolve smaller first": (lambda k, s: signal.convolve(k, s, "valid"), K, S),
    "convolve same, larger second": (lambda k, s: signal.convolve(k, s, "same"), K, S),
    "convolve sequences": (lambda a, p: signal.convolve(a, p, "same") ** 2, A, P),
    "convolve complex and real": (lambda z, a: signal.convolve(z, a), Z, A),
    "convolve numbers": (lambda v: signal.convolve(v, 2.0), x),
    "convolve with plain": (lambda s: signal.convolve(s, [[1.0, -1.0]], "same") ** 2, S),
}
