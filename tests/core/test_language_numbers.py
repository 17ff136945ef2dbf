"""What Python asks of a number: types, methods, conversions, the standard library."""

import array
import cmath
import collections
import collections.abc
import ctypes
import datetime
import decimal
import fractions
import json
import math
import numbers
import pickle
import statistics
import struct

import numpy as np
import pytest

from .language import Programs, check_program, check_refused

PROGRAMS = Programs()
program, refused = PROGRAMS.right, PROGRAMS.refused


@program
def number_float_attrs(x):
    return x.real * x.imag + x.conjugate() * x


@program
def number_isint(x):
    return x if x.is_integer() else x * x


@refused
def number_ratio(x):
    return x.as_integer_ratio()[0] * x


@refused
def number_hex(x):
    return len(x.hex()) * x


@program
def number_type(x):
    return x * x if type(x) is float else x


@program
def number_type2(x):
    return x * x if type(x) == float else x  # noqa: E721


@program
def number_type3(x):
    return x * x if type(x) in (int, float) else x


@program
def number_class(x):
    return x * x if x.__class__ is float else x


@program
def number_isinst(x):
    return x * x if isinstance(x, float) else x


@program
def number_isinst2(x):
    return x * x if isinstance(x, numbers.Number) and isinstance(x, numbers.Real) else x


@program
def number_isinst3(x):
    return x * x if isinstance(x, (int, float, complex)) else x


@program
def number_isinst4(x):
    return x * x if isinstance(x, int | float) else x


@program
def number_issub(x):
    return x * x if issubclass(type(x), float) else x


@program
def number_issub2(x):
    return x * x if issubclass(type(x), numbers.Real) else x


@program
def number_callable(x):
    return x * x if not callable(x) else x


@program
def number_hasattr(x):
    return (
        x * x
        if not hasattr(x, "__len__")
        and hasattr(x, "real")
        and not hasattr(x, "shape")
        and not hasattr(x, "dtype")
        else x
    )


@program
def number_hasattr2(x):
    return (
        x * x
        if not hasattr(x, "__iter__")
        and not hasattr(x, "__getitem__")
        and not hasattr(x, "__array__")
        else x
    )


@program
def number_iscoll(x):
    return x if isinstance(x, collections.abc.Iterable) else x * x


@program
def number_isseq(x):
    return (
        x
        if isinstance(
            x, (collections.abc.Sequence, collections.abc.Sized, collections.abc.Callable)
        )
        else x * x
    )


@program
def number_ishash(x):
    return x * x if isinstance(x, collections.abc.Hashable) else x


@program
def number_npscalar(x):
    return x * x if np.isscalar(x) else x


@program
def number_complex(x):
    z = complex(x, x * x)
    return abs(z) * z.real + z.imag


@program
def number_complex1(x):
    return (complex(x) * 1j).imag


@program
def number_cmath(x):
    return cmath.exp(x * 1j).real + cmath.phase(complex(x, 1.0)) + cmath.polar(complex(x, x))[0]


@program
def number_intdiv(x):
    return (5 * x) // 2 * x + (5 * x) % 0.3 + 7 // x * x + 7 % x


@program
def number_chain(x):
    return x * x if 0 < x < 1 <= 2 * x else x


@program
def number_in(x):
    return x * x if x in [1.0, x, 3.0] else x


@program
def number_notin(x):
    return x * x if x not in (1.0, 2.0) else x


@program
def number_in_range(x):
    return x * x if x not in range(5) else x


@program
def number_minmax(x):
    return (
        min(x, x * x, 1.0) + max([x, 2 * x]) + min([x, 0.5], key=lambda v: -v) + max([], default=x)
    )


@program
def number_sortedv(x):
    return sorted([3 * x, x, 2.0])[1] * 2 + sorted([x, 1.0], reverse=True)[0]


@program
def number_abs(x):
    return abs(-x) + (-x).__abs__() + math.fabs(-x)


@program
def number_pow(x):
    return pow(x, 3) + pow(2, x) + x**x + x**-2 + 2**x + x**0.5 + (-x) ** 3


@program
def number_bool(x):
    return bool(x) * x + (not x) * x


@program
def number_copysign(x):
    return (
        math.copysign(x, -1.0)
        + math.copysign(2.0, x) * x
        + math.fmod(7 * x, 2.0)
        + math.remainder(7 * x, 2.0)
    )


@program
def number_ldexp(x):
    return math.ldexp(x, 3)


@program
def number_frexp(x):
    m, k = math.frexp(x * 5)
    return m * k


@program
def number_gamma(x):
    return math.gamma(x) + math.lgamma(x) + math.erf(x) + math.erfc(x)


@program
def number_mathall(x):
    return (
        math.degrees(x)
        + math.radians(x)
        + math.atan2(x, 2)
        + math.atan2(1, x)
        + math.hypot(x, 1, x)
        + math.cbrt(x)
        + math.exp2(x)
        + math.log2(x)
        + math.log10(x)
        + math.log(x, 3)
        + math.log1p(x)
        + math.expm1(x)
        + math.dist([x, 1], [0, x])
        + math.prod([x, x])
        + math.fsum([x, x])
        + math.modf(x * 3)[0]
    )


@program
def number_ulp(x):
    return x if math.ulp(x) < 1 else 0


@program
def number_nextafter(x):
    return math.nextafter(x, 2.0)


@program
def number_stat(x):
    return (
        statistics.mean([x, 2, x * x])
        + statistics.stdev([x, 2, x * x])
        + statistics.median([x, 1, 5 * x])
        + statistics.variance([x, x * x, 1.0])
        + statistics.pstdev([x, 1.0, 2.0])
        + statistics.fmean([x, 1.0])
    )


@program
def number_statgeo(x):
    return statistics.geometric_mean([x, 2.0])


@program
def number_statharm(x):
    return statistics.harmonic_mean([x, 2.0])


@program
def number_float_(x):
    return float(x) * x + float(2) * x + np.float64(x) * x


@program
def number_dunder(x):
    return (
        x.__add__(1.0) * x.__mul__(x)
        + x.__radd__(2)
        + x.__pow__(2)
        + x.__neg__()
        + x.__truediv__(3)
    )


@refused
def number_floatmethods(x):
    return float.__add__(x, x) + float.__mul__(2.0, x)


@refused
def number_decimal(x):
    return float(decimal.Decimal(x)) * x


@refused
def number_fraction(x):
    return float(fractions.Fraction(x)) * x


@program
def number_fraction_mul(x):
    return fractions.Fraction(1, 3) * x + x * fractions.Fraction(1, 3)


@program
def number_datetime(x):
    return datetime.timedelta(seconds=2).total_seconds() * x


@refused
def number_datetime2(x):
    return datetime.timedelta(seconds=x).total_seconds()


@refused
def number_hash(x):
    return hash(x) * x


@refused
def number_set(x):
    return len({x, x}) * x


@refused
def number_dictkey(x):
    return {x: 1}.get(0.7, 0) * x


@refused
def number_struct(x):
    return struct.unpack("d", struct.pack("d", x))[0]


@refused
def number_pickle(x):
    return pickle.loads(pickle.dumps(x))


@refused
def number_json(x):
    return json.loads(json.dumps(x))


@refused
def number_json2(x):
    return json.loads(json.dumps([x, 1]))[0]


@refused
def number_ctypes(x):
    return ctypes.c_double(x).value


@refused
def number_array(x):
    return array.array("d", [x])[0]


@refused
def number_array2(x):
    a = array.array("d", [0.0])
    a[0] = x
    return a[0]


@pytest.mark.parametrize("name", PROGRAMS.accepted)
def test_derivatives(name):
    check_program(PROGRAMS.accepted[name])


@pytest.mark.parametrize("name", PROGRAMS.errors)
def test_refused_with_location(name):
    check_refused(PROGRAMS.errors[name], __file__)
