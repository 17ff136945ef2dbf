"""Fourier, cosine and sine transforms: lengths cut and padded, norms, real and complex, axes."""

import numpy as np
import scipy.fft

from .inputs import T3, M, W, Z, draw

R5 = draw(5, low=-1, high=1)
R6 = draw(6, low=-1, high=1, seed=1)
C4 = draw(4, low=-1, high=1, seed=2) + 1j * draw(4, low=-1, high=1, seed=3)
CM = draw(2, 3, seed=4) + 1j * draw(2, 3, low=-1, high=1, seed=5)
ONE_AXIS = {"real odd": R5, "real even": R6, "complex": C4}


def _one_axis(library, kind, **options):
    """A nonlinear function of one transform."""
    function = getattr(library, kind)
    return lambda a: function(a, **options) ** 2


CASES = {
    **{
        f"{kind} {name}": (_one_axis(np.fft, kind), a)
        for kind in ("fft", "ifft", "irfft", "hfft")
        for name, a in ONE_AXIS.items()
    },
    **{
        f"{kind} {name}": (_one_axis(np.fft, kind), a)
        for kind in ("rfft", "ihfft")
        for name, a in {"odd": R5, "even": R6, "one": R5[:1]}.items()
    },
    **{
        f"{kind} n={n} {norm}": (_one_axis(np.fft, kind, n=n, norm=norm), a)
        for kind, a in {"fft": C4, "ifft": C4, "rfft": R5, "irfft": C4, "hfft": C4}.items()
        for n, norm in ((3, "ortho"), (8, "forward"), (9, "backward"))
    },
    "fft axis": (lambda m: np.fft.fft(m, axis=0) * np.fft.rfft(m, 4, axis=-2)[:1], M),
    "fft out": (lambda z: np.fft.fft(z, out=np.empty(4, complex)) ** 2, C4),
    "fft of a list": (lambda a: np.fft.fft([a[0], a[1] ** 2, 1.0]), R5),
    "fft2": (lambda t: np.fft.fft2(t) ** 2, T3),
    "ifft2 s": (lambda t: np.fft.ifft2(t, s=(2, 3), axes=(0, 1)) ** 2, T3),
    "fftn": (lambda z: np.fft.fftn(z, norm="ortho") ** 2, CM),
    "fftn repeated": (lambda z: np.fft.fftn(z, axes=(0, 1, 0)) ** 2, CM),
    "ifftn": (lambda z: np.fft.ifftn(z, s=(3, 2), axes=(0, 1)) ** 2, CM),
    "rfft2": (lambda t: np.fft.rfft2(t) ** 2, T3),
    "rfftn": (lambda t: np.fft.rfftn(t, axes=(2, 0)) ** 2, T3),
    "irfft2": (lambda z: np.fft.irfft2(z) ** 2, CM),
    "irfftn": (lambda z: np.fft.irfftn(z, s=(2, 3), axes=(0, 1)) ** 2, CM),
    "fftshift": (lambda m: np.fft.fftshift(m) ** 2 * np.fft.ifftshift(m, axes=1), M),
    "filter": (lambda a: np.fft.irfft(np.fft.rfft(a) / (1 + np.fft.rfftfreq(6)), 6) ** 2, R6),
    "power spectrum": (lambda a: np.abs(np.fft.fft(a)) ** 2, R6),
    "convolution": (lambda a, z: np.fft.ifft(np.fft.fft(a, 4) * np.fft.fft(z, 4)), R5, W),
    **{
        f"scipy {kind}": (_one_axis(scipy.fft, kind), a)
        for kind, a in {"fft": C4, "ifft": R5, "rfft": R6, "irfft": C4, "hfft": Z}.items()
    },
    "scipy ihfft": (lambda a: scipy.fft.ihfft(a, 7, norm="ortho") ** 2, R5),
    "scipy fft2": (lambda z: scipy.fft.fft2(z) * scipy.fft.ifft2(z, s=(2, 3)), CM),
    "scipy fftn": (lambda t: scipy.fft.fftn(t, s=(3, 3), axes=(2, 0)) ** 2, T3),
    "scipy rfftn": (lambda t: scipy.fft.rfftn(t) ** 2, T3),
    "scipy rfft2": (lambda t: scipy.fft.rfft2(t, norm="forward") ** 2, T3),
    "scipy irfftn": (lambda z: scipy.fft.irfftn(z) ** 2, CM),
    "scipy hfftn": (lambda z: scipy.fft.hfftn(z, norm="forward") ** 2, CM),
    "scipy ihfftn": (lambda t: scipy.fft.ihfftn(t) ** 2, T3),
    "scipy fftshift": (lambda m: scipy.fft.fftshift(m) ** 2, M),
    **{
        f"{kind} {type_} {norm}": (_one_axis(scipy.fft, kind, type=type_, norm=norm), R5)
        for kind in ("dct", "idct", "dst", "idst")
        for type_ in (1, 2, 3, 4)
        for norm in (None, "ortho", "forward")
    },
    **{
        f"{kind} {type_} mixed": (
            _one_axis(scipy.fft, kind, type=type_, n=7, norm=norm, orthogonalize=o),
            R5,
        )
        for kind in ("dct", "idst")
        for type_ in (1, 2, 3)
        for norm, o in (("ortho", False), ("forward", True))
    },
    "dct complex": (lambda z: scipy.fft.dct(z) ** 2, C4),
    "dctn": (lambda t: scipy.fft.dctn(t, axes=(0, 2)) ** 2, T3),
    "dstn": (lambda m: scipy.fft.dstn(m, type=3, s=(2, 2)) ** 2, M),
    "idctn": (lambda m: scipy.fft.idctn(m, norm="ortho") ** 2, M),
}
#: SciPy's transforms along several axes round in another order.
ROUNDED = dict.fromkeys(
    ("dctn", "dstn", "idctn", "dct complex", "scipy hfft", "scipy hfftn", "scipy ihfftn"),
    "the axes are transformed one after the other",
)
