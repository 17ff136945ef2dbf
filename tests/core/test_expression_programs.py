"""Random programs full of expressions: complex steps, and the same without expressions at once.

The text of a program is grown while it runs on plain arrays, so that every statement works, or
fails as it is meant to. Arrays are written in place, seen through views, rebound and deleted; the
same expressions meet traced arrays, untraced ones and numbers.
"""

import contextlib
import itertools
import linecache
import random
from unittest import mock

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import sciad
from sciad.core import rewrite, sites

X = np.array([0.7, 0.4, 0.9, 1.3])
STEP = 1e-30
_count = itertools.count()

#: What a program starts with; `zeros` and `fixed` give arrays that nothing traced has reached.
START = """\
def f(x):
    a, b, c, d, e = x * 1.0, fixed(x), np.sin(x) * x, zeros(4), 0.5
    m, v, n, p = np.stack([x, fixed(x), c]), a[1:], 2, plain
"""
HELPER = """\
def h(a, b, c):
    return a * b + c * 0.5 - np.tanh(a + c * 0.1)
"""
ARRAYS, NUMBERS = ("a", "b", "c", "d", "x", "p"), ("e", "n", "1.5", "-0.5", "3")


# Their text --------------------------------------------------------------------------------------


def operand(rng):
    return rng.choice(
        [
            *ARRAYS,
            *ARRAYS,
            *("m[0]", "m[n - 1, :]", "a[:]", "b[::-1]", "m[1, :]", "c[n - n:]", "m[:2][1, :]"),
            *("v", "v[:1]", "d[1:]", "x[-1:]", "m", "m[:, :1]", "a[:1]", "m[1:, :]"),
            *NUMBERS,
            *NUMBERS,
        ]
    )


def expression(rng, depth):
    """Random expression, mostly of arrays of four numbers."""
    if depth == 0:
        return operand(rng)
    kind = rng.random()
    one = expression(rng, depth - 1)
    if kind < 0.12:
        return f"np.{rng.choice(['sin', 'tanh', 'cos', 'square', 'arctan'])}({one})"
    if kind < 0.18:
        return f"(-{one})"
    if kind < 0.23:
        return f"({one}) ** 2"
    if kind < 0.27:
        return f"h({one}, {operand(rng)}, {operand(rng)})"
    other = expression(rng, rng.randrange(depth))
    if kind < 0.34:
        return f"({one}) / (2.5 + np.square({other}))"
    return f"({one} {rng.choice('++-**')} {other})"


def statement(rng):
    """Lines of a random statement."""
    name, made = rng.choice("abcd"), expression(rng, rng.randint(1, 3))
    lines = {
        "bind": [f"{name} = {made}"],
        "number": [f"e = np.sum({made}) * 0.1 + e * 0.5"],
        "constant": [f"{name} = fixed({rng.choice('1234')} * np.ones(4))"],
        "view": [f"v = {name}[1:]"],
        "same": [f"{name} = {rng.choice('abcd')}"],
        "write": [f"{name}[{rng.choice(['1:', '0', ':-2', '...', '::2'])}] = {made}"],
        "row": [f"m[{rng.choice(['0', '1:', ':, 1:', '-1'])}] = {made}"],
        "through": [f"v[{rng.choice(['0', '1:', '...'])}] = {made}"],
        "augment": [f"{name} {rng.choice('+-*')}= {made}"],
        "scale": [f"{rng.choice(['v', name, 'm'])} *= {rng.choice(['0.5', 'e'])}"],
        "out": [f"np.add({operand(rng)}, {operand(rng)}, out={name})"],
        "number now": [f"{name} = {rng.choice(NUMBERS)}"],
        "held": [
            f"{name} = fixed(x)",
            f"w = ({made}) * {name}[{rng.choice(['::-1', ':', '1:'])}] + x[:1]",
            f"{name}[{rng.choice(['1:', '0', '...'])}] = 0.5",
            "e = np.sum(w * w) * 0.1",
        ],
        "loop": [f"for n in range(3): {name} = {made}"],
        "kinds": [f"for {name} in (x, 0.3, b, 2, c * 1.0): e = e + np.sum({made}) * 0.1"],
        "sums": [f"e = sum([np.sum({made}) for {name} in (x, b, e, 1.5)]) * 0.1"],
        "lambda": [f"{name} = (lambda {rng.choice('bcd')}, n=1: {made})({operand(rng)})"],
        "choice": [f"{name} = {made} if np.shape(a) == (4,) else {expression(rng, 2)}"],
        "walrus": [f"{name} = ({rng.choice('abcd')} := {made}) * 0.5 + {operand(rng)}"],
        "inner": [
            f"def g({name}, {', '.join(f'{k}={k}' for k in 'abcdm' if k != name)}):",
            f"    {rng.choice('abcd')} = {made}",
            f"    return np.sum({expression(rng, 2)}) + np.sum({name} * {operand(rng)} + 1.0)",
            f"{rng.choice('abcd')} = inner(g, {rng.choice(('x', 'x * 2.0', 'c'))})",
        ],
    }
    return lines[rng.choice(list(lines))]


def program(rng, size):
    """Text of a program whose statements work, or fail alike, on plain arrays."""
    text = START
    while size:
        lines = statement(rng)
        if rng.random() < 0.15:
            lines = ["try:", *(f"    {line}" for line in lines)]
            lines += ["except (ValueError, IndexError, TypeError): pass"]
        longer = text + "".join(f"    {line}\n" for line in lines)
        with source_of(finished(longer), float) as f:
            try:
                value = f(X.copy())
            except (ValueError, IndexError, TypeError, AttributeError):
                continue
        if abs(value) < 1e4:
            text, size = longer, size - 1
    return finished(text)


def finished(text):
    total = " + ".join(f"np.sum({name} * 0.5 + np.sin({name}) * {name})" for name in "abcdev")
    return HELPER + text + f"    return {total} + np.sum(m * m + x[:1])\n"


# How they run ------------------------------------------------------------------------------------


@contextlib.contextmanager
def source_of(text, kind):
    """Function ``f`` of a text; arrays that it makes have elements of a type."""
    name = f"<program {next(_count)}>"
    scope = {
        "np": np,
        "__name__": "tests",
        "plain": np.array([1.2, 0.3, 0.8, 0.6]).astype(kind),
        "zeros": lambda size: np.zeros(size, kind),
        "fixed": lambda x: np.array([0.4, 1.1, 0.2, 0.7], kind),
        "inner": lambda g, x: sciad.grad(g)(x) if kind is float else slopes(g, x),
    }
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    exec(compile(text, name, "exec"), scope)
    try:
        yield scope["f"]
    finally:
        del linecache.cache[name]


class Nested(Exception):
    """Complex steps do not nest."""


def slopes(g, x):
    raise Nested


def by_complex_steps(text):
    """Gradient without sciad; None if the program takes gradients."""
    found = []
    for k in range(4):
        with source_of(text, complex) as f:
            try:
                found.append(np.imag(f(X + STEP * 1j * np.eye(4)[k])) / STEP)
            except Nested:
                return None
    return np.array(found)


def products(f):
    """Derivatives in several ways."""
    direction = np.cos(X)
    value, gradient = sciad.value_and_grad(f)(X.copy())
    return (
        value,
        gradient,
        sciad.jvp(f, (X.copy(),), (direction,))[1],
        sciad.jvp(sciad.grad(f), (X.copy(),), (direction,))[1],
        sciad.vjp(sciad.grad(f), X.copy())[1](direction)[0],
    )


def outcome(f):
    """What comes out, or the type of what is raised."""
    try:
        return products(f)
    except (sciad.SciadError, ValueError, TypeError, IndexError) as error:
        return type(error)


def check(text, often):
    with source_of(text, float) as f:
        expected = f(X.copy())
    with (
        source_of(text, float) as f,
        mock.patch.object(rewrite, "expression_of", return_value=None),
    ):
        operators = outcome(f)
    with (
        source_of(text, float) as f,
        mock.patch.object(sites, "_OFTEN", often),
        mock.patch.object(sites, "_SEVERAL", often),
    ):
        for _ in range(3):
            found = outcome(f)
            if isinstance(operators, type):
                assert found is operators
                return False
            assert not isinstance(found, type), found
            for one, other in zip(found, operators, strict=True):
                scale = np.max(np.abs(other), initial=1.0)
                np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12 * scale)
    np.testing.assert_allclose(found[0], expected, rtol=1e-13)
    steps = by_complex_steps(text)
    if steps is not None:
        scale = np.max(np.abs(steps), initial=1.0)
        np.testing.assert_allclose(found[1], steps, rtol=1e-11, atol=1e-12 * scale)
    return True


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(3, 12), st.sampled_from([1, 2]))
def test_random_programs(seed, size, often):
    with np.errstate(all="ignore"):
        check(program(random.Random(seed), size), often)
