"""Text of traced values reads as in the plain program, and is no number any more."""

import ast
import decimal
import io
import logging
import re

import numpy as np
import pytest

from .language import Programs, check_program, check_refused

PROGRAMS = Programs()
program, refused = PROGRAMS.right, PROGRAMS.refused


@refused
def number_repr(x):
    return float(repr(x))


@refused
def number_str(x):
    return float(str(x))


@refused
def number_fs(x):
    return float(f"{x}")


@refused
def number_fs2(x):
    return float(f"{x}0")


@refused
def number_fs3(x):
    return float(f" {x:.17g} ")


@refused
def number_cut(x):
    return float(str(x)[:8])


@refused
def number_join(x):
    return float("".join([str(x), "0"]))


@refused
def number_cat(x):
    return float("1" + str(x)) + float(str(x) + "1")


@refused
def number_fmt(x):
    return float(f"{x:.17g}")


@refused
def number_pct(x):
    return float("%.17g" % x)  # noqa: UP031


@refused
def number_pct2(x):
    return float("%s" % x)  # noqa: UP031


@refused
def number_split(x):
    return float(f"a {x}".split()[1])


@refused
def number_splitv(x):
    return float(",".join(map(str, [x, x])).split(",")[1])


@refused
def number_eval(x):
    return eval(repr(x))


@refused
def number_lit(x):

    return ast.literal_eval(repr(x))


@refused
def number_npfrom(x):
    return np.fromstring(f"{x} {x}", sep=" ")[0]


@refused
def number_nparr(x):
    return np.array([str(x)], dtype=float)[0]


@refused
def number_npfl(x):
    return np.float64(str(x))


@refused
def number_cplx(x):
    return complex(str(x)).real


@refused
def number_dec(x):
    return float(decimal.Decimal(str(x)))


@refused
def number_io(x):
    s = io.StringIO()
    s.write(f"{x}\n")
    return float(s.getvalue())


@refused
def number_io2(x):
    s = io.StringIO()
    print(x, file=s)
    return float(s.getvalue())


@refused
def number_loadtxt(x):
    return np.loadtxt(io.StringIO(f"{x} 2")).sum()


@refused
def number_re(x):
    return float(re.findall(r"[\d.]+", f"a{x}b")[0])


@program
def number_pctdict(x):
    return len("%(a).3f" % {"a": x}) * x  # noqa: UP031


@program
def number_pctvar(x):
    fmt = "%.3f"
    return len(fmt % x) * x


@program
def number_print(x):
    print(x, "a", f"{x}", end="", file=io.StringIO())
    return x * x


@program
def number_log(x):
    logging.getLogger("q").debug("v %s %f", x, x)
    return x * x


@program
def number_parse_config(x):
    cfg = {"k": "0.5", "n": "3"}
    s = f"{x}"  # noqa: F841
    return float(cfg["k"]) * x + int(cfg["n"]) * x


@pytest.mark.parametrize("name", PROGRAMS.accepted)
def test_derivatives(name):
    check_program(PROGRAMS.accepted[name])


@pytest.mark.parametrize("name", PROGRAMS.errors)
def test_refused_with_location(name):
    check_refused(PROGRAMS.errors[name], __file__)
