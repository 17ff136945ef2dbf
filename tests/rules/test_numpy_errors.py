"""NumPy's functions raise under differentiation what they raise without; refusals say where."""

import warnings

import numpy as np
import pytest

import sciad

A = np.array([0.3, -0.7, 1.2])
M = np.arange(6.0).reshape(2, 3) + 0.5

#: Each raises, or gives the same as without differentiation: empty arrays, numbers, odd options.
SAME = {
    "sum of axis 5": (lambda a: np.sum(a, axis=5), A),
    "sum of whole numbers": (lambda a: np.sum(a, dtype=int), A),
    "sum of a number": (lambda a: np.sum(a[0], axis=0), A),
    "sum of nothing": (lambda m: np.sum(m[:0] ** 2, axis=0), M),
    "prod of whole numbers": (lambda a: np.prod(a, dtype=int), A),
    "prod of a number": (lambda a: np.prod(a[0], axis=0), A),
    "prod of nothing": (lambda m: np.prod(m[:0], axis=0), M),
    "mean of whole numbers": (lambda a: np.mean(a, dtype=int), A),
    "mean of nothing": (lambda a: np.mean(a[:0]), A),
    "means of nothing": (lambda m: np.mean(m[:0], axis=0), M),
    "mean of a number, axes kept": (lambda a: np.mean(a[0], keepdims=True), A),
    "cumsum of whole numbers": (lambda a: np.cumsum(a, dtype=int), A),
    "cumsum of a number": (lambda a: np.cumsum(a[0]), A),
    "cumprod of a number": (lambda a: np.cumprod(a[0], axis=0), A),
    "max of nothing": (lambda a: np.max(a[:0]), A),
    "max without initial value": (lambda a: np.max(a, where=[True, False, True]), A),
    "max of a number": (lambda a: np.max(a[0], axis=-1), A),
    "min of nothing": (lambda a: np.min(a[:0], initial=3.0), A),
    "nanmax of NaN": (lambda a: np.nanmax(a * np.nan), A),
    "nansum of NaN": (lambda a: np.nansum(a * np.nan), A),
    "nanmean of NaN": (lambda a: np.nanmean(a * np.nan), A),
    "nanvar of NaN": (lambda a: np.nanvar(a * np.nan), A),
    "nanmedian of NaN": (lambda a: np.nanmedian(a * np.nan), A),
    "nanquantile of NaN": (lambda a: np.nanquantile(a * np.nan, 0.3), A),
    "var of nothing": (lambda a: np.var(a[:0]), A),
    "var of a number": (lambda a: np.var(a[0]), A),
    "var without freedom": (lambda a: np.var(a, ddof=3), A),
    "var with two corrections": (lambda a: np.var(a, ddof=1, correction=1), A),
    "std with less freedom": (lambda a: np.std(a, ddof=5), A),
    "median of nothing": (lambda a: np.median(a[:0]), A),
    "median of a number": (lambda a: np.median(a[0], axis=0), A),
    "median with NaN": (lambda a: np.median(np.where([0, 1, 0], np.nan, a)), A),
    "quantile of nothing": (lambda a: np.quantile(a[:0], 0.5), A),
    "quantile beyond 1": (lambda a: np.quantile(a, 1.5), A),
    "quantile by no method": (lambda a: np.quantile(a, 0.5, method="x"), A),
    "quantile with NaN": (lambda a: np.quantile(np.where([0, 1, 0], np.nan, a), [0.3, 0.6]), A),
    "quantile with infinity": (
        lambda a: np.quantile(np.where([0, 1, 1], np.inf, a), [0.3, 0.6, 1.0]),
        A,
    ),
    "percentile beyond 100": (lambda a: np.percentile(a, 101), A),
    "average without weight": (lambda a: np.average(a, weights=a * 0), A),
    "average of another shape": (lambda a: np.average(a, weights=a[:2]), A),
    "bincount of negative numbers": (lambda a: np.bincount([-1, 0, 1], a), A),
    "bincount of another length": (lambda a: np.bincount([1, 0], a), A),
    "bincount of numbers": (lambda a: np.bincount(a), A),
    "histogram with a range": (lambda a: np.histogram(a, 3, range=(0, 1))[0], A),
    "histogram by a rule": (lambda a: np.histogram(a, "auto")[0], A),
    "histogram2d of values": (lambda a: np.histogram2d(a, a * 2, 3)[1], A),
    "histogramdd of values": (lambda a: np.histogramdd(a[:, None], 3)[1][0], A),
    "method of older versions": (lambda a: a.ptp(), A),
    "sort of nothing": (lambda a: np.sort(a[:0]), A),
    "sort of a number": (lambda a: np.sort(a[0]), A),
    "sort by fields": (lambda a: np.sort(a, order="x"), A),
    "sort in no way": (lambda a: np.sort(a, kind="foo"), A),
    "sort in two ways": (lambda a: np.sort(a, kind="stable", stable=True), A),
    "sort of axis 3": (lambda a: np.sort(a, axis=3), A),
    "partition of nothing": (lambda a: np.partition(a[:0], 0), A),
    "partition beyond the end": (lambda a: np.partition(a, 9), A),
    "places of another rank": (lambda a: np.take_along_axis(a, np.array([[1]]), 0), A),
    "places that are no integers": (lambda a: np.take_along_axis(a, np.array([1.0]), 0), A),
    "unique of nothing": (lambda a: np.unique(a[:0]), A),
    "ediff1d of another type": (lambda a: np.ediff1d(a, to_end=1j), A),
    "take beyond the end": (lambda a: np.take(a, 7), A),
    "take in no mode": (lambda a: np.take(a, 7, mode="x"), A),
    "compress too long": (lambda a: np.compress([1, 0, 1, 1], a), A),
    "compress by a matrix": (lambda a: np.compress([[1, 0]], a), A),
    "choose beyond the end": (lambda a: np.choose([0, 5, 1], [a, a]), A),
    "select of other lengths": (lambda a: np.select([a > 0], [a, a]), A),
    "select by integers": (lambda a: np.select([[1, 0, 1]], [a]), A),
    "where of one branch": (lambda a: np.where(a > 0, a), A),
    "where of none": (lambda a: np.where(a > 0)[0], A),
    "place of nothing": (lambda a: np.place(a * 1.0, a > 0, []), A),
    "fill_diagonal of a vector": (lambda a: np.fill_diagonal(a * 1.0, 1.0), A),
    "clip without bounds": (lambda a: np.clip(a), A),
    "clip with one": (lambda a: np.clip(a, 0), A),
    "clip with None": (lambda a: np.clip(a, None, None), A),
    "clip with three": (lambda a: np.clip(a, 0, 1, min=2), A),
    "clip in both ways": (lambda a: np.clip(a, 0, max=2), A),
    "clip of other shapes": (lambda a: np.clip(a, [1, 2], 3), A),
    "clip at NaN": (lambda a: np.clip(a, [np.nan, 0.0, 0.0], [1.0, np.nan, 1.0]), A),
    "nan_to_num of truth": (lambda a: np.nan_to_num(a > 0), A),
    "split in unequal parts": (lambda a: np.split(a, 2)[0], A),
    "split in no part": (lambda a: np.array_split(a, 0), A),
    "concatenate of ranks": (lambda a: np.concatenate([a, a[None]]), A),
    "concatenate of whole numbers": (lambda a: np.concatenate([a, a], dtype=int), A),
    "concatenate of cut numbers": (
        lambda a: np.concatenate([a, a], dtype=int, casting="unsafe"),
        A,
    ),
    "stack of shapes": (lambda a: np.stack([a, a[:2]]), A),
    "dstack of shapes": (lambda a: np.dstack([a, a[None]]), A),
    "insert beyond the end": (lambda a: np.insert(a, 9, 1.0), A),
    "delete beyond the end": (lambda a: np.delete(a, 9), A),
    "resize to nothing": (lambda a: np.resize(a, (0,)), A),
    "resize to less": (lambda a: np.resize(a, (-1,)), A),
    "resize of nothing": (lambda a: np.resize(a[:0], (2,)), A),
    "pad in no mode": (lambda a: np.pad(a, 2, "x"), A),
    "pad with another option": (lambda a: np.pad(a, 2, "edge", constant_values=1), A),
    "pad of nothing": (lambda a: np.pad(a[:0], 2, "reflect"), A),
    "pad by less": (lambda a: np.pad(a, -2), A),
    "pad by a function": (
        lambda a: np.pad(a, 2, lambda v, w, i, k: v.__setitem__(slice(0, w[0]), 7.0)),
        A,
    ),
    "reshape to another size": (lambda a: np.reshape(a, (2, 2)), A),
    "moveaxis beyond": (lambda m: np.moveaxis(m, 0, 3), M),
    "squeeze of more": (lambda m: np.squeeze(m, 0), M),
    "squeeze of a number": (lambda a: np.squeeze(a[0]), A),
    "diag of a cube": (lambda a: np.diag(a[None, None]), A),
    "trace of a vector": (lambda a: np.trace(a), A),
    "flip of axis 4": (lambda a: np.flip(a, 4), A),
    "roll of axis 4": (lambda a: np.roll(a, 1, 4), A),
    "rot90 of a vector": (lambda a: np.rot90(a), A),
    "broadcast to less": (lambda a: np.broadcast_to(a, (2, 2)), A),
    "tile 0 times": (lambda a: np.tile(a, 0), A),
    "repeat 0 times": (lambda a: np.repeat(a, 0), A),
    "repeat less": (lambda a: np.repeat(a, -1), A),
    "repeat others": (lambda a: np.repeat(a, [1, 2]), A),
}


def outcome(run):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(run())
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("name", SAME)
def test_same_result_or_same_error(name):
    function, argument = SAME[name]
    expected = outcome(lambda: function(argument))
    for found in (
        outcome(lambda: sciad.vjp(function, argument)[0]),
        outcome(lambda: sciad.jvp(function, (argument,), (argument,))[0]),
    ):
        if isinstance(expected, type):
            assert found is expected
        else:
            np.testing.assert_array_equal(found, expected)
            assert found.dtype == expected.dtype


REFUSED = {
    "nditer": lambda a: sum(np.nditer(a)),
    "asmatrix": lambda a: np.sum(np.asmatrix(a)),
    "byteswap": lambda a: np.sum(a.byteswap()),
    "view": lambda a: np.sum(a.view(np.int64)),
    "getfield": lambda a: np.sum(a.getfield(np.float64)),
    "tobytes": lambda a: len(a.tobytes()),
    "resize": lambda a: a.resize((2, 2)),
    "matrix by r_": lambda a: np.sum(np.r_["r", a, a]),
    "variance of complex numbers in a real type": lambda a: np.var(1j * a, dtype=np.float64),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_supported_is_refused_by_name_and_line(name):
    with pytest.raises(sciad.SciadError) as caught:
        sciad.grad(REFUSED[name])(A)
    assert "test_numpy_errors.py:" in str(caught.value)
