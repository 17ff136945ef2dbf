"""Ways of C code to an array: followed, or refused at the line of the user."""

import inspect
import math

import numba
import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from .language import Programs, check_program, check_refused

PROGRAMS = Programs()
program, refused = PROGRAMS.right, PROGRAMS.refused


@refused
def array_memview(x):
    return memoryview(np.array([x]))[0]


@refused
def array_buffer(x):
    return np.frombuffer(np.array([x]))[0]


@refused
def array_tobytes(x):
    return np.frombuffer(np.array([x]).tobytes())[0]


@program
def array_tolist(x):
    return np.array([x, x * x]).tolist()[1]


@refused
def array_strided(x):
    return as_strided(np.array([x, x]), (1,), (8,))[0]


@refused
def array_nditer(x):
    s = 0.0
    for v in np.nditer(np.array([x, x * x])):
        s = s + v
    return s


@program
def array_ndenum(x):
    return sum((i[0] + 1) * v for i, v in np.ndenumerate(np.array([x, x * x])))


@program
def array_ndindex(x):
    a = np.array([[x, x * x]])
    return sum(a[i] * (1 + sum(i)) for i in np.ndindex(a.shape))


OUT = np.zeros(3)


@refused
def array_plainstore(x):
    OUT[0] = x
    return OUT[0]


@program
def array_ctor(x):
    a = np.array([x, 1.0])
    b = np.empty(3)
    b[:2] = a
    b[2] = math.sin(x)
    return b.sum() * len(b)


@numba.njit
def nbf(v):
    return v * v


@program
def array_numba(x):
    return nbf(x)


@numba.vectorize
def nbv(v):
    return v * v


@program
def array_vectorize(x):
    return np.sum(np.vectorize(lambda v: math.sin(v))(np.array([x, x * x])))


@program
def array_fromiter(x):
    return np.array(list(map(math.sin, [x, x * x]))).sum()


@program
def array_objarr(x):
    a = np.empty(2, dtype=object)
    a[0] = x
    a[1] = x * x
    return a[0] * a[1]


@refused
def array_genarr(x):
    return np.asarray(memoryview(np.array([x])))[0]


@refused
def array_frompy(x):
    return np.frompyfunc(lambda v: v * 2, 1, 1)(x)


@program
def array_inspect(x):
    return len(inspect.signature(nbf.py_func).parameters) * math.exp(x)


@pytest.mark.parametrize("name", PROGRAMS.accepted)
def test_derivatives(name):
    check_program(PROGRAMS.accepted[name])


@pytest.mark.parametrize("name", PROGRAMS.errors)
def test_refused_with_location(name):
    check_refused(PROGRAMS.errors[name], __file__)
