"""Arrays that one name holds stay plain while they meet plain values, and are boxed in time."""

import builtins
import contextlib
import importlib.util
import math
import random
import sys
import types

import numpy as np
import pytest

import sciad
from sciad import LostDerivativeError, grad
from sciad.core import versions

GRID = np.linspace(0.0, 1.0, 7)
STASH = []
CACHE = np.ones(7)


def smoothed(x, steps):
    u = np.sin(np.linspace(0.0, np.pi, 9))
    for _ in range(steps):
        new = np.copy(u)
        new[1:-1] = u[1:-1] + 0.4 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        u = np.maximum(new, 0.0)
    return x * np.sum(u * u)


def in_place(x, steps):
    u, k = np.cos(GRID), 0.1
    noise = np.random.default_rng(1).normal(size=7)
    for _ in range(steps):
        u += 0.01 * np.abs(noise)
        u[1:-1] += k * (u[2:] - 2 * u[1:-1] + u[:-2])
        u *= 0.9
    return x * u.sum()


def power_iteration(x, steps):
    a = np.cos(np.outer(GRID, np.linspace(0.0, 2.0, 7)))
    v = np.ones(7)
    for _ in range(steps):
        v = a @ v
        v = v / np.linalg.norm(v)
    return x * (v @ (a @ v))


def selected(x, steps):
    u = np.linspace(-1.0, 1.0, 8)
    for k in range(steps):
        u = np.where(u > 0.5, u - 0.3, u + 0.01 * k)
        w = np.clip(u, -0.9, 0.9)
        u = u + 0.1 * np.tanh(w.copy())
    return x * np.mean(u)


def three_levels(x, steps):
    before = np.exp(-((GRID - 0.5) ** 2))
    u = before.copy()
    for _ in range(steps):
        after = np.zeros_like(u)
        after[1:-1] = 2 * u[1:-1] - before[1:-1] + 0.2 * (u[2:] - 2 * u[1:-1] + u[:-2])
        before, u = u, after
    return x * np.sum(u**2)


def until_it_stands(x, steps):
    u, count = np.ones((4, 4)), 0
    while count < steps and np.max(np.abs(u)) > 1e-9:
        old = u
        u = 0.25 * (np.roll(u, 1, axis=0) + u.T + np.array([1.0, 2.0, 3.0, 4.0]))
        if np.max(np.abs(u - old)) < 1e-12:
            break
        count += 1
    return x * np.sum(u)


def difference(u):
    return u[2:] - 2.0 * u[1:-1] + u[:-2]


def stepped(u, k):
    new = np.copy(u)
    inner = u[1:-1]
    new[1:-1] = inner + k * difference(u)
    return new


def by_helpers(x, steps):
    u = np.linspace(0.0, 1.0, 7) ** 2
    for _ in range(steps):
        u = stepped(u, 0.1)
        u[0] = np.sum(difference(u))
    return x * np.sum(u)


PLAIN = [
    smoothed,
    in_place,
    power_iteration,
    selected,
    three_levels,
    until_it_stands,
    by_helpers,
]


def anew(function):
    """The same function with a code object that was not followed yet."""
    code = function.__code__.replace()
    made = types.FunctionType(code, function.__globals__, function.__name__)
    made.__defaults__, made.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
    return made


@pytest.fixture
def boxed(monkeypatch):
    """Follow functions without looking for names whose arrays may stay plain."""

    def follow(function):
        monkeypatch.setattr(versions, "lone_names", lambda node, scope: None)
        made = anew(function)
        with contextlib.suppress(Exception):  # what it raises is compared by the test
            sciad.value_and_grad(made)(0.3)
        monkeypatch.undo()
        return made

    return follow


@pytest.fixture
def count(monkeypatch):
    """Count the calls that followed code makes through the dispatcher."""
    counts = [0]
    for name in [n for n in vars(builtins) if n.startswith("__sciad_call")]:
        entry = getattr(builtins, name)

        def counted(*args, entry=entry, **kwargs):
            counts[0] += 1
            return entry(*args, **kwargs)

        vars(counted).update(vars(entry))
        monkeypatch.setattr(builtins, name, counted)
    return counts


@pytest.mark.parametrize("program", PLAIN, ids=lambda f: f.__name__)
def test_loops_over_plain_arrays_run_without_a_call_of_the_dispatcher(program, count):
    gradient = sciad.value_and_grad(program)
    for steps in (3, 3, 3):
        gradient(0.7, steps)
    counts = []
    for steps in (3, 30):
        count[0] = 0
        assert gradient(0.7, steps)[0] == program(0.7, steps)
        counts.append(count[0])
    assert counts[0] == counts[1]


@pytest.mark.parametrize("program", PLAIN, ids=lambda f: f.__name__)
def test_derivatives_are_those_of_boxed_arrays(program, boxed):
    def f(x):
        return program(x, 4) * x

    value, slope = sciad.value_and_grad(f)(0.7)
    assert value == f(0.7)
    np.testing.assert_allclose(slope, 2 * program(1.0, 4) * 0.7, rtol=1e-12)
    np.testing.assert_allclose(sciad.jvp(f, (0.7,), (1.0,))[1], slope, rtol=1e-12)


# Traced values that come later -------------------------------------------------------------------


def stored_after_a_loop(x):
    u = np.zeros(3)
    for k in range(3):
        u[1:] = u[:-1] + k
    part = u[1:]
    u[2] = x * x
    return part[1] * x + u[0]


def stored_in_a_turn(x):
    u = np.ones(4)
    for k in range(4):
        u = np.copy(u) * 0.5
        if k == 1:
            u[k] = x
        u[1:] += 1.0
    return np.sum(u * u)


def met_by_a_traced_factor(x):
    u, total = np.linspace(0.0, 1.0, 2000), 0.0
    for _ in range(3):
        total = total + np.sum(x * u)
        u[:] = 2.0 * u
        u += 1.0
    return total


def met_by_a_traced_number(x):
    u, v, total = np.linspace(0.0, 1.0, 2000), np.ones(3), 0.0
    for _ in range(3):
        v[0] = x
        total = total + np.sum(np.sum(v) * u)
        u[:] = 2.0 * u
        u += 1.0
    return total


def met_in_a_condition(x):
    u, total = np.linspace(0.0, 1.0, 2000), 0.0
    while np.sum(x * u * u) < 1e4:
        total = total + x
        u *= 2.0
    return total * x


def handed_to_a_container_at_the_end(x):
    u = np.zeros(2)
    for _ in range(2):
        u = u + 1.0
    kept = {"u": u}
    u[0] = x
    return kept["u"][0] * x


def exchanged(x):
    u, v = np.zeros(3), np.ones(3)
    for _ in range(3):
        u, v = v, u
        u[0] = 0.5 * v[1]
        if v[1] > 0.5:
            u[2] = x
    return np.sum(u * u) + np.sum(v * x)


def moved(x):
    u = np.ones(3)
    for _ in range(3):
        new = np.copy(u)
        new[1:] = 0.5 * u[:-1]
        u = new
        u[0] = x
    return np.sum(u * u)


def with_two_names(x):
    u = np.ones(3)
    other = u
    for _ in range(2):
        u[1:] += 1.0
    u[0] = x
    return other[0] * x


def named_twice_at_once(x):
    for _ in range(2):
        u = v = np.zeros(2)
        u[0] = x
    return v[0] * x


def written_by_a_helper(x):
    def fill(array, value):
        array[0] = value

    u = np.zeros(2)
    for _ in range(2):
        fill(u, x)
        u = u * 1.0
    return u[0] * x


def keeping(u):
    STASH.append(u)
    return u * 1.0


def kept_by_a_helper(x):
    STASH.clear()
    for _ in range(2):
        u = np.zeros(2)
        w = keeping(u)
        u[0] = x
    return STASH[-1][0] * x + w[0]


def given_back(u):
    return u


def given_back_by_a_helper(x):
    u = np.zeros(2)
    for _ in range(2):
        u = u + 1.0
        w = given_back(u)
        u[0] = x
    return w[0] * x


def of_a_global(u):
    return u * STASH[-1]


def helper_that_reads_a_traced_value(x):
    STASH[:] = [x]
    u, total = np.ones(2000), 0.0
    for _ in range(3):
        total = total + np.sum(of_a_global(u))
        u[1:] = 2.0 * u[:-1]
    return total


def parts(u):
    return {"a": u * 2.0, "b": [u + 1.0]}


def containers_from_a_helper(x):
    u = np.zeros(2)
    for _ in range(2):
        u = u + 0.5
        found = parts(u)
        view = found["b"][0][:1]
        found["b"][0][0] = x
    return view[0] * x


def row_of_a_table(x):
    rows = [None] * 2
    for k in range(2):
        u = np.zeros(2)
        rows[k] = u
        u[0] = x
    return rows[1][0] * x


def seen_by_a_function_inside(x):
    u = np.zeros(2)

    def put(value):
        u[0] = value

    for _ in range(2):
        u[1:] += 1.0
        put(x)
    return u[0] * x


def counted_up(y):
    u = np.zeros(3)
    for _ in range(2):
        old = u
        u = u + 1.0
    old = u
    return u, old[0] * y


def returned_with_another_name(x):
    u, number = counted_up(x)
    view = u[:1]
    u[0] = x
    return view[0] * number


def counted_up_alone(y):
    u = np.zeros(3)
    for _ in range(2):
        old = u
        u = u + old + 1.0
    old = u
    return u, y


def returned_with_a_name_that_is_gone(x):
    u, number = counted_up_alone(x)
    view = u[:1]
    u[0] = x
    return view[0] * number


def handed_on_by_another_name(x):
    for _ in range(2):
        u = np.ones(2) * 0.5
        y = u * 2.0
        kept = [y]
        y[0] = x
    return kept[0][0] * x


def of_a_number_that_was_boxed(x):
    kept, a = [], np.ones(2)
    for _ in range(2):
        u = np.ones(2) * 0.5
        a = a[1] * u
        kept.append(a)
        kept[-1][0] = x
    return a[0] * x


def given_to_a_name_that_is_kept(x):
    STASH.clear()
    u = np.zeros(2)
    for _ in range(2):
        v = np.linspace(0.0, 1.0, 2)
        v, u = u, v
        w = keeping(u)
        u[0] = x
    return STASH[-1][0] * x + 0.0 * w[0] * v[1]


def read_after_a_move(x):
    u = np.zeros(2)
    for _ in range(2):
        new = np.copy(u)
        u = new
        u[0] = x
        total = new[0] * x
    return total


def turned(u):
    inner = u[::-1]
    if inner[0] > 5.0:
        inner = u
    return inner


def view_given_back_by_a_helper(x):
    for _ in range(2):
        u = np.zeros(2)
        w = turned(u)
        u[0] = x
    return w[1] * x


def in_a_list(u):
    held = [0.0]
    held[0] = u
    return held[0]


def given_back_in_a_list(x):
    for _ in range(2):
        u = np.zeros(2) * 1.0
        w = in_a_list(u)
        u[0] = x
    return w[0] * x


def keeping_another(u):
    STASH.append(u * 2.0)
    return u + 1.0


def made_and_kept_by_a_helper(x):
    STASH.clear()
    u = np.zeros(2)
    for _ in range(3):
        u = keeping_another(u)
    STASH[-1][0] = x
    return STASH[-1][0] * x


def power_of_a_global(u):
    return u * math.exp(STASH[-1])


def by_another(u):
    return power_of_a_global(u) + 0.0


def with_an_option(u, *, power=(0.0,)):
    return u * math.exp(power[0])


SQUARES = [
    given_back_in_a_list,
    made_and_kept_by_a_helper,
    handed_on_by_another_name,
    of_a_number_that_was_boxed,
    given_to_a_name_that_is_kept,
    read_after_a_move,
    view_given_back_by_a_helper,
    returned_with_a_name_that_is_gone,
    handed_to_a_container_at_the_end,
    with_two_names,
    named_twice_at_once,
    written_by_a_helper,
    kept_by_a_helper,
    given_back_by_a_helper,
    containers_from_a_helper,
    row_of_a_table,
    seen_by_a_function_inside,
]


@pytest.mark.parametrize("program", SQUARES, ids=lambda f: f.__name__)
def test_what_is_stored_later_is_seen_by_everybody(program):
    gradient = grad(program)
    for _ in range(3):
        assert gradient(0.7) == pytest.approx(1.4, rel=1e-14)
    assert sciad.jvp(program, (0.7,), (1.0,))[1] == pytest.approx(1.4, rel=1e-14)


@pytest.mark.parametrize(
    ("program", "slope"),
    [
        (stored_after_a_loop, lambda x: 3 * x**2),
        (met_by_a_traced_factor, lambda x: 1000.0 * 7 + 2000.0 * 4),
        (met_by_a_traced_number, lambda x: 1000.0 * 7 + 2000.0 * 4),
        (returned_with_another_name, lambda x: 4 * x),
    ],
    ids=lambda f: getattr(f, "__name__", ""),
)
def test_derivatives_are_exact(program, slope):
    for _ in range(3):
        assert grad(program)(0.7) == pytest.approx(slope(0.7), rel=1e-12)


@pytest.mark.parametrize(
    "program",
    [stored_in_a_turn, met_in_a_condition, exchanged, moved, helper_that_reads_a_traced_value],
    ids=lambda f: f.__name__,
)
def test_mixed_programs_give_what_boxed_arrays_give(program, boxed):
    other = boxed(program)
    for _ in range(4):
        value, slope = sciad.value_and_grad(program)(0.7)
        assert value == pytest.approx(program(0.7), rel=1e-14)
        assert slope == pytest.approx(grad(other)(0.7), rel=1e-12)
        assert sciad.jvp(program, (0.7,), (1.0,))[1] == pytest.approx(slope, rel=1e-12)


def test_helpers_that_reach_traced_values_by_others():
    def by_a_global(x):
        STASH[:], total = [0.0], 0.0
        for k in range(4):
            u = np.ones(2)
            u = by_another(u)
            total = total + u[1]
            if k == 2:
                STASH.append(x)
        return total

    def by_an_option(x):
        total = 0.0
        with_an_option.__kwdefaults__["power"] = (0.0,)
        for k in range(4):
            u = np.ones(2)
            u = with_an_option(u)
            total = total + u[1]
            if k == 2:
                with_an_option.__kwdefaults__["power"] = (x,)
        return total

    for program in (by_a_global, by_an_option):
        for _ in range(3):
            assert grad(program)(0.7) == pytest.approx(math.exp(0.7), rel=1e-14)


def inner_helper(u):
    return u * 2.0


def outer_helper(u):
    return inner_helper(u) + 0.0


def even_helper(u, k):
    return u + 1.0 if k == 0 else odd_helper(u, k - 1) * even_helper(u, 0)


def odd_helper(u, k):
    return u - 1.0 if k == 0 else even_helper(u, k - 1) * odd_helper(u, 0)


def test_helpers_whose_helpers_are_replaced(monkeypatch):
    def program(x):
        STASH[:], total = [x], 0.0
        for _ in range(4):
            u = np.ones(2)
            u = outer_helper(u)
            total = total + u[1]
        return total * x

    for _ in range(3):
        assert grad(program)(0.7) == 8.0
    monkeypatch.setitem(outer_helper.__globals__, "inner_helper", lambda u: u * math.exp(STASH[0]))
    for _ in range(3):
        assert grad(program)(0.7) == pytest.approx(4.0 * 1.7 * math.exp(0.7), rel=1e-14)


def test_helpers_that_call_each_other():
    def program(x):
        u = np.linspace(2.0, 3.0, 4)
        for _ in range(5):
            u = even_helper(u, 3) * 1e-2
        u[1] = x
        return np.sum(u)

    for _ in range(3):
        value, slope = sciad.value_and_grad(program)(0.7)
        assert value == pytest.approx(program(0.7), rel=1e-14)
        assert slope == 1.0


# What stands in the way ---------------------------------------------------------------------------


def test_a_function_of_numpy_that_is_replaced_is_called_as_it_is(monkeypatch):
    def program(x, steps):
        u = np.ones(3)
        for _ in range(steps):
            w = np.copy(u)
            u = w * 0.5
        return np.sum(u) * x

    gradient = grad(program)
    assert gradient(2.0, 3) == 0.375
    monkeypatch.setattr(np, "copy", lambda a: np.full(3, 2.0))
    assert gradient(2.0, 3) == 3.0
    factor = []

    def differentiate(y):
        factor[:] = [y]
        return program(y, 2)

    monkeypatch.setattr(np, "copy", lambda a: np.ones(3) * math.exp(factor[0]))
    assert grad(differentiate)(2.0) == pytest.approx(1.5 * math.exp(2.0) * 3.0, rel=1e-14)


def test_what_a_module_gives_only_when_asked_is_not_asked_for(monkeypatch):
    asked = []
    module = types.ModuleType("asked")
    module.__getattr__ = lambda name: asked.append(name)
    monkeypatch.setattr(sciad, "asked", module, raising=False)

    def program(x):
        u = np.ones(3)
        for _ in range(2):
            u = u * 0.5
            if x < 0.0:
                u = sciad.asked.function(u)
        return np.sum(u) * x

    assert grad(program)(2.0) == 0.75
    assert not asked


def test_a_rule_that_is_given_at_run_time_counts_for_traced_values():
    def program(x):
        u = np.ones(3)
        for k in range(2):
            u = np.maximum(u, 0.5)
            u[k] = x
            u = np.maximum(u, 0.5)
        return np.sum(u)

    assert grad(program)(2.0) == 2.0
    with sciad.rule(np.maximum, partials=(lambda x, y, out: 3.0, None)):
        assert grad(program)(2.0) == 3.0 + 27.0
    assert grad(program)(2.0) == 2.0


class Logged(np.ndarray):
    """An array with an operation of its own."""

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        plain = [np.asarray(part) for part in inputs]
        return 2.0 * getattr(ufunc, method)(*plain, **options)


@pytest.mark.parametrize(
    "start",
    [
        lambda: np.ones(4).view(Logged),
        lambda: np.ma.array([1.0, 2.0, 3.0, 4.0], mask=[0, 1, 0, 0]),
        lambda: np.arange(4),
        lambda: np.array([True, False, True, True]),
        lambda: np.array(2.0),
        lambda: np.ones(4, np.float32),
        lambda: np.ones(4) + 1j,
        lambda: np.zeros(0),
    ],
    ids=["ufunc", "masked", "integers", "booleans", "no axes", "float32", "complex", "empty"],
)
def test_kinds_of_arrays_keep_their_values_and_types(start):
    seen = []

    def note(value):
        seen.append((np.asarray(value).dtype, np.shape(value), np.array(value).tolist()))

    def program(x):
        u = start()
        for _ in range(2):
            u = np.copy(u)
            w = u + u
            u[...] = u * 1
            total = np.sum(w) + np.prod(np.abs(u))
        note(total)
        note(w)
        return x * 1.0

    program(1.0)
    plain = list(seen)
    seen.clear()
    assert grad(program)(1.0) == 1.0
    assert repr(seen) == repr(plain)


def test_objects_that_keep_operands_see_later_stores():
    class Keeper:
        __array_priority__ = 10.0
        kept = None

        def __radd__(self, other):
            self.kept = other
            return 0.0

        __array_ufunc__ = None

    def program(x):
        for _ in range(2):
            keeper, u = Keeper(), np.zeros(2)
            w = u + keeper
            u[0] = x
        return keeper.kept[0] * x + w

    assert grad(program)(0.7) == pytest.approx(1.4, rel=1e-14)


class Doubling:
    """Beside arrays, 2."""

    __array_ufunc__ = None

    def __mul__(self, other):
        return 2.0 * other

    __rmul__ = __mul__


def test_a_debugger_looks_at_the_names():
    def program(x):
        u = np.zeros(3)
        for _ in range(2):
            u[1:] = u[:-1] + 1.0
        u[0] = x
        return u[0] * x

    def look(frame, event, argument):
        return look if frame.f_code.co_name != "program" or frame.f_locals else None

    tracer = sys.gettrace()
    sys.settrace(look)
    try:
        slope = grad(program)(0.7)
    finally:
        sys.settrace(tracer)
    assert slope == 1.4


def test_operators_of_the_user_leave_arrays_alone():
    def program(x):
        twice, u, total, a = Doubling(), np.zeros(3), 0.0, np.ones(3) * x
        for _ in range(2):
            total = total + np.sum(twice * a[1:] * a[:-1] + np.exp(a[1:]))
            u[1:] = u[:-1] + 1.0
        u[0] = x
        return u[0] * x + total

    for _ in range(3):
        slope = 2 * 0.7 + 2 * (2 * (4 * 0.7 + math.exp(0.7)))
        assert grad(program)(0.7) == pytest.approx(slope, rel=1e-14)


def test_errors_are_those_of_the_plain_program():
    def unbound(x, count=0):
        for _ in range(count):
            u = np.zeros(2)
        for _ in range(2):
            u[1:] = 0.5 * u[:-1]
        return x

    def of_shapes(x):
        u = np.zeros(3)
        for _ in range(2):
            u[1:] = np.ones(3)
        return x * np.sum(u)

    def chained(x):
        for _ in range(2):
            u = v = np.zeros(2)
            u[1:] += 1.0
        return v[1] * x

    assert grad(chained)(0.5) == 1.0
    for program, error in ((unbound, UnboundLocalError), (of_shapes, ValueError)):
        with pytest.raises(error) as plain:
            program(0.5)
        with pytest.raises(error) as raised:
            grad(program)(0.5)
        assert str(raised.value) == str(plain.value)
        assert raised.traceback[-1].lineno == plain.traceback[-1].lineno


def test_another_name_is_still_there_after_a_return_that_failed():
    def failing(u, x):
        raise ValueError

    def program(x):
        u = np.ones(2)
        for _ in range(2):
            other = u
            u = u + 1.0
        other = u
        spare = u
        try:
            return failing(spare, x)
        except ValueError:
            return other[0] * x

    assert grad(program)(0.5) == 3.0


def test_higher_derivatives():
    def program(x):
        u = np.linspace(0.0, 1.0, 5)
        for _ in range(3):
            u[1:-1] += 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2])
            u = np.maximum(u, 0.01)
        u[2] = x
        for _ in range(2):
            u[1:] = u[1:] * u[:-1]
        return np.sum(u) * x

    eager = grad(grad(program))(0.7)
    assert eager == pytest.approx(sciad.jvp(grad(program), (0.7,), (1.0,))[1], rel=1e-12)
    step = 1e-4  # a polynomial of degree four: the error is below the tolerance
    slopes = [grad(program)(0.7 + k * step) for k in (-1, 1)]
    assert eager == pytest.approx((slopes[1] - slopes[0]) / (2 * step), rel=1e-6)


# Random programs ----------------------------------------------------------------------------------


class Writer:
    """Writes a program that computes with arrays in loops."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lines = []

    def name(self):
        return self.random.choice("uvw")

    def number(self):
        choices = (
            "0.5",
            "x",
            "np.sin(x)",
            f"{self.name()}[1]",
            f"np.sum({self.name()})",
            "0.1 * k",
        )
        return self.random.choice(choices)

    def array(self, depth=0):
        a, b = self.name(), self.name()
        inner = a if depth > 1 else self.array(depth + 1)
        choices = f"""{a}; ({inner} * {self.number()}); ({inner} + {b}); np.tanh({inner})
            np.where({a} > 0.4, {b}, {inner}); np.copy({a}); {a}[::-1]; only({a})
            {a}.copy(); held({a}, box); np.zeros_like({a})"""
        return self.random.choice(choices.replace("\n", ";").split(";")).strip()

    def statement(self):
        a, b = self.name(), self.name()
        number, array = self.number(), self.array()
        choices = f"""{a} = {array}
            {a} = {array}
            {a} = {b}
            {a}, {b} = {b}, {a}
            {a}[0] = {number}
            {a}[1:] = {array}[:-1]
            {a}[1:] *= {number}
            {a} += {array}
            part = {a}[1:]; part[0] = {number}
            box.append({a})
            if box: box[-1][1] = {number}
            total = total + np.sum({array} * {b})
            if np.max({a}) > 0.3: {b} = {array}
            {a} = {array}; {a}[2] = {number}"""
        return self.random.choice(choices.split("\n")).strip()

    def program(self):
        lines = ["u, v, w, box, total, k = GRID * 1.0, np.ones(7), np.cos(GRID), [], 0.0, 0"]
        for _ in range(self.random.randint(1, 3)):
            lines += [self.statement(), f"for k in range({self.random.randint(1, 3)}):"]
            lines += [f"    {self.statement()}" for _ in range(self.random.randint(1, 4))]
        lines += [f"return total + x * np.sum({self.array()})"]
        return "def program(x):\n" + "".join(f"    {line}\n" for line in lines)


HELPERS = """
import numpy as np

GRID = np.linspace(0.0, 1.0, 7)


def only(u):
    inner = u[::-1]
    return inner * 0.7 + 0.1


def held(u, box):
    box.append(u)
    return u * 0.5


"""


def outcome(function):
    """What a function gives, or the class of the error it raises."""
    try:
        return np.array(sciad.value_and_grad(function)(0.3)).tolist()
    except (LostDerivativeError, ValueError) as error:
        return type(error)


@pytest.mark.parametrize("seed", range(150))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_random_programs_give_what_boxed_arrays_give(seed, tmp_path, boxed):
    path = tmp_path / f"random_program_{seed}.py"
    path.write_text(HELPERS + Writer(seed).program())
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    other = boxed(module.program)
    for _ in range(3):
        found, expected = outcome(module.program), outcome(other)
        if isinstance(expected, type):  # what raised may work, if the array was boxed early
            continue
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)
        assert found[0] == pytest.approx(float(module.program(0.3)), rel=1e-13)
