"""Exceptions that are really raised: the same ones as in the plain program."""

import math

import numpy as np
import pytest

from .language import Programs, check_outcome

PROGRAMS = Programs()
program = PROGRAMS.right


@program
def failing_zero(x):
    return 1.0 / (x - x)


@program
def failing_zero2(x):
    return x / 0


@program
def failing_zero3(x):
    return x // 0


@program
def failing_zero4(x):
    return x % 0.0


@program
def failing_zero5(x):
    return (x - x) ** -1


@program
def failing_log(x):
    return math.log(-x)


@program
def failing_log0(x):
    return math.log(x - x)


@program
def failing_sqrt(x):
    return math.sqrt(-x)


@program
def failing_overflow(x):
    return math.exp(x * 2000)


@program
def failing_square(x):
    return 1.0 / (x - x) ** 2


@program
def failing_square_over(x):
    return (x * 1e200) ** 2 * 0.0


@program
def failing_item(x):
    return 1.0 / np.array([x - x]).item()


@program
def failing_element_of_list(x):
    return 1.0 / np.array([[x - x]]).tolist()[0][0]


@program
def failing_pow_over(x):
    return (x * 1e200) ** 2


@program
def failing_pow_over2(x):
    return (x * 1e200) ** 5.5


@program
def failing_mathpow(x):
    return math.pow(x * 1e200, 3)


@program
def failing_index(x):
    return [x][3]


@program
def failing_key(x):
    return {"a": x}["b"]


@program
def failing_attr(x):
    return x.foo


@program
def failing_call(x):
    return x(2)


@program
def failing_addstr(x):
    return x + "a"


@program
def failing_addnone(x):
    return x + None


@program
def failing_addlist(x):
    return x + [1]  # noqa: RUF005


@program
def failing_getitem(x):
    return x[0]


@program
def failing_len(x):
    return len(x)


@program
def failing_iter(x):
    for k in x:
        return k
    return None


@program
def failing_unpack(x):
    a, b = [x]
    return a * b


@program
def failing_assert(x):
    assert x > 1, "small"


@program
def failing_asin(x):
    return math.asin(x * 5)


@program
def failing_acosh(x):
    return math.acosh(x)


@program
def failing_fmod(x):
    return math.fmod(x, 0.0)


@program
def failing_catch(x):
    t = 0.0
    for fn in (
        lambda: math.log(-x),
        lambda: 1 / (x - x),
        lambda: math.exp(9999 * x),
        lambda: [][0],
        lambda: {}["q"],
        lambda: None + x,
    ):
        try:
            t = t + fn()
        except ValueError:
            t += x
        except ZeroDivisionError:
            t *= x + 1
        except OverflowError:
            t += math.sin(x)
        except (IndexError, KeyError):
            t = t * math.cos(x)
        except TypeError:
            t = t + x
        else:
            t = 0
        finally:
            t = t + x * 0.1
    return t


@program
def failing_negpow(x):
    return ((-x) ** 0.5).real * x + abs((-x) ** 0.5)


@program
def failing_hash_ok(x):
    return x * len({"a": 1})


@program
def failing_round_ndig(x):
    return round(x, 2) + x


@program
def failing_sortmixed(x):
    return sorted([x, "a"])


@program
def failing_lt_none(x):
    return x < None


@program
def failing_shift(x):
    return x << 1


@program
def failing_and(x):
    return x & 1


@program
def failing_invert(x):
    return ~x


@program
def failing_floatstr(x):
    return float("abc")


@program
def failing_wrongargs(x):
    return math.sin(x, x)


@program
def failing_wrongargs2(x):
    return (lambda a: a)(x, x)


@program
def failing_kw(x):
    return (lambda a: a)(b=x)


@pytest.mark.parametrize("name", PROGRAMS.accepted)
def test_same_outcome(name):
    check_outcome(PROGRAMS.accepted[name])
