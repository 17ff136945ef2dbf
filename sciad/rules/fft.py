"""Fourier transforms of ``numpy.fft`` and ``scipy.fft``, cosine and sine transforms.

A transform is linear. The adjoint of a sum over ``exp(-2 pi i j k / n)`` is the sum with the other
sign, scaled alike: the inverse function with the norms "backward" and "forward" exchanged. A
transform of real input gives half of a spectrum; the half that is left out is the conjugate of
the other one, so all frequencies but the first and Nyquist's count twice.

``numpy.fft``'s functions for several axes are followed down to those for one.
"""

import importlib

import numpy as np

from sciad.core.apply import bind
from sciad.core.options import write_out
from sciad.core.rules import Substitute, register, substitute
from sciad.core.tracer import as_array, dtype_of, is_wrapped, primal_of, shape_of

__all__: list[str] = []

_INVERSE = {"fft": "ifft", "ifft": "fft", "rfft": "irfft", "irfft": "rfft"}
_SWAPPED = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


class Fourier:
    """Discrete Fourier transform along axes.

    Parameters
    ----------
    library : {"numpy.fft", "scipy.fft"}
    kind : {"fft", "ifft", "rfft", "irfft"}
    lengths : tuple of int
        Number of points along each of the axes, on the side of the real numbers.
    axes : tuple of int
        Counted from the front; a half spectrum lies along the last one.
    norm : {None, "backward", "ortho", "forward"}
    """

    def __init__(self, library, kind, lengths, axes, norm):
        self.name = f"{library}.{kind}"
        self.library = library
        self.kind = kind
        self.lengths = lengths
        self.axes = axes
        self.norm = norm

    def value(self, a):
        if is_wrapped(a):
            return bind(self, a)
        library = importlib.import_module(self.library)
        if len(self.axes) == 1:
            return getattr(library, self.kind)(a, self.lengths[0], self.axes[0], self.norm)
        return getattr(library, self.kind + "n")(a, self.lengths, self.axes, self.norm)

    def vjp(self, g, out, a):
        back = Fourier(
            self.library, _INVERSE[self.kind], self.lengths, self.axes, _SWAPPED[self.norm]
        )
        if self.kind == "rfft":
            found = bind(back, self._weighted(g, 0.5))
        elif self.kind == "irfft":
            found = self._weighted(bind(back, np.real(g)), 2.0)
        else:
            found = bind(back, g)
        for axis in self.axes:
            found = _resized(found, axis, shape_of(a)[axis])
        return (found,)

    def jvp(self, tangents, out, a):
        axes = tuple(k + 1 for k in self.axes)
        return bind(Fourier(self.library, self.kind, self.lengths, axes, self.norm), tangents[0])

    def _weighted(self, half, weight):
        """Half spectrum with a weight on the frequencies that stand for two."""
        points, axis = self.lengths[-1], self.axes[-1]
        weights = np.full(points // 2 + 1, weight, np.finfo(dtype_of(half)).dtype)
        weights[0] = 1.0
        if points % 2 == 0:
            weights[-1] = 1.0
        return half * np.reshape(weights, (-1,) + (1,) * (len(shape_of(half)) - axis - 1))


def _resized(a, axis, length):
    """Array cut, or filled with zeros at the end, to a length along an axis."""
    have = shape_of(a)[axis]
    if have > length:
        return a[(*(slice(None),) * axis, slice(length))]
    if have < length:
        shape = list(shape_of(a))
        shape[axis] = length - have
        return np.concatenate([a, np.zeros(shape, dtype_of(a))], axis)
    return a


# numpy.fft ---------------------------------------------------------------------------------------


def _numpy_transform(kind, a, n, axis, norm, out):
    a = as_array(a)
    length = shape_of(a)[axis]  # raises IndexError as NumPy does
    if n is None:
        n = 2 * (length - 1) if kind == "irfft" else length
    if kind == "rfft" and dtype_of(a).kind == "c":
        np.fft.rfft(primal_of(a), n, axis, norm)  # raises
    if out is not None:  # NumPy works in the precision of `out`
        a = a.astype(np.result_type(dtype_of(a), np.finfo(dtype_of(out)).dtype))
    rule = Fourier("numpy.fft", kind, (n,), (axis % len(shape_of(a)),), norm)
    result = bind(rule, a)
    return result if out is None else write_out(out, result)


@substitute(np.fft.fft)
def fft(a, n=None, axis=-1, norm=None, out=None):
    """``np.fft.fft``."""
    return _numpy_transform("fft", a, n, axis, norm, out)


@substitute(np.fft.ifft)
def ifft(a, n=None, axis=-1, norm=None, out=None):
    """``np.fft.ifft``."""
    return _numpy_transform("ifft", a, n, axis, norm, out)


@substitute(np.fft.rfft)
def rfft(a, n=None, axis=-1, norm=None, out=None):
    """``np.fft.rfft``."""
    return _numpy_transform("rfft", a, n, axis, norm, out)


@substitute(np.fft.irfft)
def irfft(a, n=None, axis=-1, norm=None, out=None):
    """``np.fft.irfft``."""
    return _numpy_transform("irfft", a, n, axis, norm, out)


@substitute(np.fft.ihfft)
def ihfft(a, n=None, axis=-1, norm=None, out=None):
    """``np.fft.ihfft``."""
    if norm not in _SWAPPED:
        np.fft.ihfft(primal_of(a), n, axis, norm)  # raises
    result = np.conjugate(_numpy_transform("rfft", a, n, axis, _SWAPPED[norm], None))
    return result if out is None else write_out(out, result)


# scipy.fft ---------------------------------------------------------------------------------------


def _named_axes(x, s, axes):
    """Lengths (None: as they are) and axes of a transform along several axes."""
    rank = len(shape_of(x))
    if s is not None:
        s = tuple(int(n) for n in np.atleast_1d(s))
    if axes is None:
        axes = tuple(range(rank)) if s is None else tuple(range(rank - len(s), rank))
    axes = tuple(int(k) for k in np.atleast_1d(axes))
    return (None,) * len(axes) if s is None else s, axes


def _scipy_transform(name, x, s, axes, norm):
    """Apply a function of scipy.fft: ``fft``, ``hfftn``..., all spelled with lists of axes."""
    x = as_array(x)
    rank, kind = len(shape_of(x)), name.rstrip("n2")
    s, axes = _named_axes(x, s, axes)
    valid = len(s) == len(axes) == len({k % rank for k in axes}) and all(
        -rank <= k < rank for k in axes
    )
    if not valid or norm not in _SWAPPED or (kind in ("rfft", "ihfft") and dtype_of(x).kind == "c"):
        _raise_as_scipy(name, x, s, axes, norm)
    axes = tuple(k % rank for k in axes)
    given, half = s, kind in ("irfft", "hfft")
    sizes = [shape_of(x)[k] for k in axes]
    if half and axes:
        sizes[-1] = 2 * (sizes[-1] - 1)
    s = tuple(
        shape_of(x)[k] if n == -1 else size if n is None else n
        for n, size, k in zip(s, sizes, axes, strict=True)
    )
    if min(s, default=1) < 1:
        _raise_as_scipy(name, x, given, axes, norm)
    if kind == "hfft":
        return bind(Fourier("scipy.fft", "irfft", s, axes, _SWAPPED[norm]), np.conjugate(x))
    if kind == "ihfft":
        return np.conjugate(bind(Fourier("scipy.fft", "rfft", s, axes, _SWAPPED[norm]), x))
    return bind(Fourier("scipy.fft", kind, s, axes, norm), x)


def _raise_as_scipy(name, x, s, axes, norm):
    """Call SciPy's function with arguments it refuses."""
    function = getattr(importlib.import_module("scipy.fft"), name)
    s = None if None in s else s
    if name[-1] in "n2":
        function(primal_of(x), s, axes, norm)
    else:
        function(primal_of(x), s if s is None else s[0], axes[0], norm)
    raise ValueError(f"scipy.fft.{name}: lengths {s} along the axes {axes}")


def _one_axis(name):
    def target(x, n=None, axis=-1, norm=None, overwrite_x=False, workers=None, *, plan=None):
        return _scipy_transform(name, x, None if n is None else (n,), (axis,), norm)

    return target


def _several_axes(name):
    default = (-2, -1) if name.endswith("2") else None

    def target(x, s=None, axes=default, norm=None, overwrite_x=False, workers=None, *, plan=None):
        return _scipy_transform(name, x, s, axes, norm)

    return target


for _kind in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
    for _ending, _made in (("", _one_axis), ("2", _several_axes), ("n", _several_axes)):
        _name = f"scipy.fft._basic.{_kind}{_ending}"
        register(_name, Substitute(_name, _made(_kind + _ending)))


# Cosine and sine transforms ----------------------------------------------------------------------


class RealTransform:
    """Cosine or sine transform of scipy.fft along one axis.

    Parameters
    ----------
    kind : {"dct", "idct", "dst", "idst"}
    type : {1, 2, 3, 4}
    n : int
        Number of points.
    axis : int
        Counted from the front.
    norm : {None, "backward", "ortho", "forward"}
    orthogonalize : bool
        Whether the ends are scaled so that the matrix is orthogonal but for a factor.
    """

    def __init__(self, kind, type, n, axis, norm, orthogonalize):
        self.name = f"scipy.fft.{kind}"
        self.kind = kind
        self.type = type
        self.n = n
        self.axis = axis
        self.norm = norm
        self.orthogonalize = orthogonalize

    def value(self, a):
        if is_wrapped(a):
            return bind(self, a)
        function = getattr(importlib.import_module("scipy.fft"), self.kind)
        return function(
            a, self.type, self.n, self.axis, self.norm, orthogonalize=self.orthogonalize
        )

    def jvp(self, tangents, out, a):
        rule = RealTransform(
            self.kind, self.type, self.n, self.axis + 1, self.norm, self.orthogonalize
        )
        return bind(rule, tangents[0])

    def vjp(self, g, out, a):
        # an inverse is the transform of type 3 for 2 and 2 for 3, with the norms exchanged
        forward = self.kind in ("dct", "dst")
        kind = self.kind if forward else self.kind[1:]
        norm = self.norm if forward else _SWAPPED[self.norm]
        type_ = self.type if forward else {2: 3, 3: 2}.get(self.type, self.type)
        back = RealTransform(
            kind, {2: 3, 3: 2}.get(type_, type_), self.n, self.axis, norm, self.orthogonalize
        )
        before, after = (1.0, 1.0) if self.orthogonalize else _ends(kind, type_)
        found = self._scaled(bind(back, self._scaled(g, kind, before)), kind, after)
        return (_resized(found, self.axis, shape_of(a)[self.axis]),)

    def _scaled(self, a, kind, factor):
        """Array with its special entries along the axis scaled: the first (dct), the last (dst)."""
        if factor == 1.0:
            return a
        weights = np.ones(self.n, np.finfo(dtype_of(a)).dtype)
        weights[0 if kind == "dct" else -1] = factor
        if self.type == 1:
            weights[-1] = factor
        return a * np.reshape(weights, (-1,) + (1,) * (len(shape_of(a)) - self.axis - 1))


def _ends(kind, type_):
    """Factors on special entries before and after the transform that makes it the adjoint.

    The matrix of type 3 counts the first entry (sine: the last) once and all others twice, the one
    of type 2 all twice; the first cosine transform counts both ends once.
    """
    if type_ == 2:
        return 2.0, 1.0
    if type_ == 3:
        return 1.0, 0.5
    return (2.0, 0.5) if (kind, type_) == ("dct", 1) else (1.0, 1.0)


def _real_transform(kind, x, type, n, axes, norm, orthogonalize):
    x = as_array(x)
    if dtype_of(x).kind == "c":
        whole = _real_transform(kind, np.real(x), type, n, axes, norm, orthogonalize)
        return whole + 1j * _real_transform(kind, np.imag(x), type, n, axes, norm, orthogonalize)
    rank = len(shape_of(x))
    if orthogonalize is None:
        orthogonalize = norm == "ortho"
    for length, axis in zip(n, axes, strict=True):
        points = shape_of(x)[axis] if length is None else length
        rule = RealTransform(kind, type, points, axis % rank, norm, bool(orthogonalize))
        x = bind(rule, x)
    return x


def _real_one_axis(kind):
    def target(
        x,
        type=2,
        n=None,
        axis=-1,
        norm=None,
        overwrite_x=False,
        workers=None,
        orthogonalize=None,
    ):
        return _real_transform(kind, x, type, (n,), (axis,), norm, orthogonalize)

    return target


def _real_several_axes(kind):
    def target(
        x,
        type=2,
        s=None,
        axes=None,
        norm=None,
        overwrite_x=False,
        workers=None,
        *,
        orthogonalize=None,
    ):
        return _real_transform(kind, x, type, *_named_axes(x, s, axes), norm, orthogonalize)

    return target


for _kind in ("dct", "idct", "dst", "idst"):
    for _ending, _made in (("", _real_one_axis), ("n", _real_several_axes)):
        _name = f"scipy.fft._realtransforms.{_kind}{_ending}"
        register(_name, Substitute(_name, _made(_kind)))
