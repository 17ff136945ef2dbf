"""Statements: generators, contexts, matching, scopes, code that is made at run time."""

import contextlib
import inspect
import math
import sys

import numpy as np
import pytest

from .language import Programs, check_program

PROGRAMS = Programs()
program = PROGRAMS.right


def expm(v):
    return math.exp(v)


@program
def syntax_exec(x):
    d = {"x": x, "math": math}
    exec("y = x*x", d)
    return d["y"]


@program
def syntax_eval(x):
    return eval("x*x + 1")


@program
def syntax_exec_def(x):
    d = {"math": math, "np": np}
    exec("def f(a):\n    b = np.zeros(2)\n    b[0] = math.sin(a)\n    return b[0]*float(a)", d)
    return d["f"](x)


@program
def syntax_eval_lambda(x):
    return eval("lambda a: math.sin(a)")(x)


@program
def syntax_compile(x):
    return eval(compile("x*2", "<s>", "eval"))


@program
def syntax_locals(x):
    y = x * x
    return locals()["y"] * 2


@program
def syntax_frames(x):
    return sys._getframe().f_locals["x"] * inspect.currentframe().f_locals["x"]


@program
def syntax_globals(x):
    return globals()["expm"](x)


@program
def syntax_genclose(x):
    t = []

    def g():
        try:
            yield math.sin(x)
            yield x
        finally:
            t.append(math.exp(x))

    for v in g():
        t.append(v)
        break
    h = g()
    next(h)
    h.close()
    return v * sum(t)


@program
def syntax_genthrow(x):
    def g():
        try:
            yield x
        except ValueError as ex:
            yield math.sin(ex.args[0])

    h = g()
    next(h)
    return h.throw(ValueError(x * x))


@program
def syntax_genret(x):
    def g():
        r = yield x
        return math.sin(r)

    h = g()
    next(h)
    try:
        h.send(x * x)
    except StopIteration as s:
        return s.value


@program
def syntax_ctx(x):
    @contextlib.contextmanager
    def cm(a):
        try:
            yield math.sin(a)
        except ValueError:
            t.append(math.exp(a))
        finally:
            t.append(x)

    t = []
    with cm(x) as y, contextlib.ExitStack() as st:
        z = st.enter_context(cm(x * x))
        st.callback(lambda: t.append(math.cos(x)))
        raise ValueError
    return y * z * sum(t)


@program
def syntax_ctxdec(x):
    class C(contextlib.ContextDecorator):
        def __enter__(self):
            T.append(math.sin(x))
            return self

        def __exit__(self, *a):
            T.append(math.exp(x))

    T = []

    @C()
    def f(a):
        return a * a

    return f(x) * sum(T)


@program
def syntax_closing(x):
    class R:
        def close(self):
            t.append(math.sin(x))

    t = []
    with contextlib.closing(R()) as r, contextlib.nullcontext(x) as y:  # noqa: F841
        pass
    return t[0] * y


class Pt:
    __match_args__ = ("a", "b")

    def __init__(self, a, b):
        self.a, self.b = a, b


@program
def syntax_match(x):
    t = 0.0
    for v in [x, 2, "a", [x, 1.0], (1, x, 3), {"k": x, "z": 1}, Pt(x, 2.0), None, -1.0]:
        match v:
            case float() as f if f > 0:
                t += math.sin(f)
            case float(f):
                t += f
            case int():
                t += v * x
            case str():
                t += x
            case [a, 1.0]:
                t += a * 2
            case [1, *rest]:
                t += sum(rest)
            case {"k": q, **more}:
                t += q * more["z"]
            case Pt(a, b=2.0):
                t += math.exp(a)
            case None:
                t *= x
            case _:
                t = 0
    return t


@program
def syntax_match_int(x):
    match x:
        case int():
            return x
        case complex():
            return x
        case float() | int():
            return x * x


@program
def syntax_global(x):
    global GG
    GG = math.sin(x)

    def r():
        return GG * x

    return r()


@program
def syntax_nonlocal(x):
    c = 0.0

    def inc():
        nonlocal c
        c += math.sin(x)
        return c

    inc()
    inc()
    return c


@program
def syntax_whileelse(x):
    n = 0
    t = x
    while n < 3:
        n += 1
        if n == 5:
            break
        t = math.sin(t)
    else:
        t = t * 2
    for k in range(3):
        if k > 5:
            break
    else:
        t = t * x
    return t


@program
def syntax_delvar(x):
    y = x * x
    del y
    try:
        return y
    except NameError:
        return math.sin(x)


@program
def syntax_inner_import(x):
    import math as m
    from math import sin as s

    from numpy import exp

    return m.cos(x) * s(x) * exp(x)


@pytest.mark.parametrize("name", PROGRAMS.accepted)
def test_derivatives(name):
    check_program(PROGRAMS.accepted[name])
