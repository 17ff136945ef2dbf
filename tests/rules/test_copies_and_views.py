"""What NumPy's functions give is a copy or a view, as without differentiation: writes tell."""

import numpy as np
import pytest

import sciad

X = np.arange(1.0, 7.0).reshape(2, 3) / 3.0

OPERATIONS = {
    "take of one": lambda m: np.take(m, 1, axis=0),
    "take": lambda m: np.take(m, [0, 1], axis=0),
    "take along": lambda m: np.take_along_axis(m, np.array([[0], [1]]), 1),
    "compress": lambda m: np.compress([True, True], m, 0),
    "extract": lambda m: np.extract(m > 0, m),
    "choose": lambda m: np.choose([0, 0, 0], [m[0], m[1]]),
    "choose of one": lambda m: np.choose(0, [m]),
    "select": lambda m: np.select([m > 0], [m]),
    "where": lambda m: np.where(True, m, 0.0),
    "clip": lambda m: np.clip(m, -9, 9),
    "nan_to_num": lambda m: np.nan_to_num(m),
    "nan_to_num in place": lambda m: np.nan_to_num(m, copy=False),
    "concatenate": lambda m: np.concatenate([m]),
    "stack": lambda m: np.stack([m])[0],
    "vstack": lambda m: np.vstack([m]),
    "block": lambda m: np.block(m),
    "r_": lambda m: np.r_[m],
    "r_ with axes": lambda m: np.r_["0,2", m],
    "append": lambda m: np.append(m, []),
    "insert": lambda m: np.insert(m, 2, 7.0, axis=0),
    "delete": lambda m: np.delete(m, [], axis=0),
    "resize": lambda m: np.resize(m, (2, 3)),
    "trim_zeros": lambda m: np.trim_zeros(m[0]),
    "pad": lambda m: np.pad(m, 0),
    "pad with edges": lambda m: np.pad(m, 0, "edge"),
    "split": lambda m: np.split(m, 2)[1],
    "array_split": lambda m: np.array_split(m, 2, axis=1)[0],
    "hsplit": lambda m: np.hsplit(m, [1])[1],
    "broadcast_arrays": lambda m: np.broadcast_arrays(m, m)[0],
    "meshgrid": lambda m: np.meshgrid(m[0], m[1], copy=False, sparse=True)[0],
    "ix_": lambda m: np.ix_(m[0])[0],
    "atleast_2d": lambda m: np.atleast_2d(m),
    "atleast_2d of a row": lambda m: np.atleast_2d(m[0]),
    "atleast_3d": lambda m: np.atleast_3d(m),
    "squeeze": lambda m: np.squeeze(m[None]),
    "expand_dims": lambda m: np.expand_dims(m, 0),
    "ravel": lambda m: np.ravel(m),
    "ravel of a transpose": lambda m: np.ravel(m.T),
    "flatten": lambda m: m.flatten(),
    "flat": lambda m: m.flat[:],
    "copy of flat": lambda m: m.flat.copy(),
    "reshape": lambda m: np.reshape(m, (3, 2)),
    "reshape of a transpose": lambda m: np.reshape(m.T, (2, 3)),
    "flip": lambda m: np.flip(m, 0),
    "rot90": lambda m: np.rot90(m),
    "rot90 around": lambda m: np.rot90(m, 4),
    "roll": lambda m: np.roll(m, 0),
    "moveaxis": lambda m: np.moveaxis(m, 0, 1),
    "rollaxis": lambda m: np.rollaxis(m, 1),
    "permute_dims": lambda m: np.permute_dims(m),
    "matrix_transpose": lambda m: np.matrix_transpose(m),
    "tile": lambda m: np.tile(m, 1),
    "repeat": lambda m: np.repeat(m, 1, axis=0),
    "sort": lambda m: np.sort(m),
    "partition": lambda m: np.partition(m, 1),
    "unique": lambda m: np.unique(m),
    "tril": lambda m: np.tril(m, 5),
    "astype": lambda m: m.astype(float),
    "astype without copy": lambda m: m.astype(float, copy=False),
    "real": lambda m: np.real(m),
    "real_if_close": lambda m: np.real_if_close(m),
    "asarray": lambda m: np.asarray(m),
    "ascontiguousarray": lambda m: np.ascontiguousarray(m),
    "require": lambda m: np.require(m),
    "positive": lambda m: np.positive(m),
    "cumsum": lambda m: np.cumsum(m[:1], axis=0),
    "sum of no axis": lambda m: np.sum(m, axis=()),
    "max of no axis": lambda m: np.max(m, axis=()),
    "mean of no axis": lambda m: np.mean(m, axis=()),
    "median of one row": lambda m: np.median(m[:1], axis=0),
    "nansum of one row": lambda m: np.nansum(m[:1], axis=0),
    "apply_over_axes": lambda m: np.apply_over_axes(np.sum, m, []),
}


def change_argument(m, result):
    m[...] = m * m


def change_row_of_argument(m, result):
    m[0] = 7.0


def change_result(m, result):
    result[...] = 3.0 * result * result


def change_part_of_result(m, result):
    result[0] = m[0, 0]


CHANGES = [change_argument, change_row_of_argument, change_result, change_part_of_result]


def weighted(m, result):
    return np.sum(m * np.arange(6.0).reshape(2, 3)) + np.sum(
        np.ravel(result) * np.arange(1.0, np.size(result) + 1)
    )


def differences(function, x):
    found = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[place] = 1e-6
        found[place] = (function(x + step) - function(x - step)) / 2e-6
    return found


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_writes_reach_what_they_reach_in_numpy(name, change):
    def function(x):
        m = x * 1.0
        result = OPERATIONS[name](m)
        change(m, result)
        return weighted(m, result)

    value, gradient = sciad.value_and_grad(function)(X)
    assert value == function(X)
    np.testing.assert_allclose(gradient, differences(function, X), atol=1e-7)


@pytest.mark.parametrize("name", OPERATIONS)
def test_results_of_constants_can_be_written(name):
    def function(x):
        m = np.ones((2, 3)) * 0.5 + np.arange(6.0).reshape(2, 3)
        result = OPERATIONS[name](m)
        result[0] = x[0, 0] ** 2
        return weighted(m, result)

    value, gradient = sciad.value_and_grad(function)(X)
    assert value == function(X)
    np.testing.assert_allclose(gradient, differences(function, X), atol=1e-7)
