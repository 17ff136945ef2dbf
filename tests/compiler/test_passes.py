"""Each pass alone, on small programs: what they mean, not how they look."""

import ast
import math
import resource

import numba
import numpy as np
import pytest

from sciad.compiler import jit
from sciad.compiler.back import runtime
from sciad.compiler.back.emit import emit
from sciad.compiler.back.tapesize import frames_per_iteration
from sciad.compiler.builder import Builder
from sciad.compiler.fold import fold
from sciad.compiler.front import fence
from sciad.compiler.front.normal import normalise
from sciad.compiler.ir import (
    BOOL,
    FLOAT,
    INT,
    BufferType,
    Const,
    Function,
    If,
    Loop,
    Op,
    Region,
    Value,
    const,
    dump,
    verify,
    walk,
)
from sciad.compiler.passes.adjoint import adjoint
from sciad.compiler.passes.analysis import Places, varied
from sciad.compiler.passes.simplify import remove_dead, simplify
from sciad.compiler.passes.tangent import tangent
from sciad.compiler.tapes import TAPE_ROOM
from sciad.core.errors import CompileError


def execute(function, emitted, *args):
    """Run a program in the interpreter; (status, results...)."""
    verify(function)
    made = emit(function)
    returned = ", ".join(["0", *made.results])
    text = f"def function({', '.join(made.params)}):\n" + "\n".join(made.lines)
    return emitted.run(f"{text}\n    return ({returned},)")[0](*args)


def codes(function):
    return [n.code for n in walk(function.body) if isinstance(n, Op)]


def power_loop(kind="range"):
    """x -> x**8 by a loop that squares three times."""
    x, n = Value("x", FLOAT), Value("n", INT)
    b = Builder()
    index, param, out = Value("i", INT), Value("z", FLOAT), Value("z", FLOAT)
    params, inits, outs, extra = (param,), (x,), (out,), ()
    body = Region()
    if kind == "while":
        go, left = Value("go", BOOL), Value("go", BOOL)
        start = b.compare("lt", const(0), n)
        params, inits, outs, extra = (go, param), (start, x), (left, out), (index,)
    with b.inside(body):
        squared = b.mul(param, param)
        if kind == "while":
            body.results = (b.compare("lt", b.add(extra[0], const(1)), n), squared)
        else:
            body.results = (squared,)
    zero, one = const(0), const(1)
    b.region.nodes.append(Loop(kind, index, zero, n, one, params, inits, body, outs))
    b.region.results = (out,)
    return Function("power", (x, n), b.region)


# -- ir ------------------------------------------------------------------------------------------
def test_verify_accepts_and_dump_shows():
    function = power_loop()
    verify(function)
    assert "mul" in dump(function)


def test_verify_refuses_values_out_of_scope():
    function = power_loop()
    (loop,) = function.body.nodes
    function.body.results = loop.body.results
    with pytest.raises(AssertionError, match="outside its scope"):
        verify(function)


def test_verify_refuses_second_definitions_and_ill_typed_joins():
    function = power_loop()
    (loop,) = function.body.nodes
    loop.body.nodes *= 2
    with pytest.raises(AssertionError, match="defined twice"):
        verify(function)
    function = power_loop()
    (loop,) = function.body.nodes
    loop.body.results = (const(1),)
    with pytest.raises(AssertionError, match="ill typed"):
        verify(function)


# -- fence and normal ----------------------------------------------------------------------------
def parsed(text):
    return ast.parse(text).body[0]


def test_the_fence_shows_the_line():
    with pytest.raises(CompileError, match=r"yield cannot be compiled(.|\n)*model.py:2"):
        fence.check_syntax(parsed("def f(x):\n    yield x"), "model.py")
    fence.check_syntax(parsed("def f(x):\n    return x"), "model.py")


JUMPS = """
def f(x):
    for i in range(3):
        if x > 1:
            continue
        while True:
            if x > 2:
                break
            if x > 3:
                return 1
            x += 1
    if x:
        return 2
    x = 3
    return x
"""


def test_normal_leaves_no_jumps_and_the_tree_alone():
    tree = parsed(JUMPS)
    before = ast.dump(tree)
    body = normalise(tree)
    assert ast.dump(tree) == before
    kinds = {type(n) for statement in body for n in ast.walk(statement)}
    assert not kinds & {ast.Return, ast.Break, ast.Continue}
    loops = [n for s in body for n in ast.walk(s) if isinstance(n, ast.For | ast.While)]
    assert [len(loop.until) for loop in loops] == [1, 2]  # return; break and return


# -- fold and simplify ---------------------------------------------------------------------------
def test_fold_keeps_every_float_exact():
    x = Value("x", FLOAT)
    assert fold("mul", (x, const(1.0))) is x
    assert fold("add", (x, const(0.0))) is None  # x may be -0.0
    assert fold("sub", (x, const(-0.0))) is None
    assert fold("sub", (x, const(0.0))) is x
    assert fold("mul", (x, const(0.0))) is None  # x may be inf
    assert fold("pow", (const(2), const(-1))) is None  # a float in Python
    assert fold("floordiv", (const(1), const(0))) is None
    assert fold("mul", (const(1 << 62), const(4))) == const(1 << 64)  # as in Python
    assert fold("call", (const(0.0),), ("math", "cos")) == const(1.0)
    assert const(0.0) != const(-0.0)
    assert const(1) != const(True)


def test_equal_operations_become_one_and_stores_are_forwarded(emitted):
    buffer, x = Value("a", BufferType(FLOAT)), Value("x", FLOAT)
    b = Builder()
    b.effect("store", buffer, const(0), b.mul(x, x))
    b.effect("store", buffer, const(1), const(5.0))
    first = b.load(buffer, const(0))
    b.region.results = (b.add(first, b.mul(x, x)), b.load(buffer, const(1)))
    made = simplify(Function("f", (buffer, x), b.region))
    assert codes(made).count("mul") == 1
    assert "load" not in codes(made)
    assert execute(made, emitted, np.zeros(2), 3.0) == (0, 18.0, 5.0)


def test_a_store_to_an_unknown_place_ends_forwarding(emitted):
    buffer, k = Value("a", BufferType(FLOAT)), Value("k", INT)
    b = Builder()
    b.effect("store", buffer, const(0), const(1.0))
    b.effect("store", buffer, k, const(2.0))
    b.region.results = (b.load(buffer, const(0)),)
    made = simplify(Function("f", (buffer, k), b.region))
    assert execute(made, emitted, np.zeros(2), 0) == (0, 2.0)
    assert execute(made, emitted, np.zeros(2), 1) == (0, 1.0)


def test_loads_are_not_carried_over_writes_in_loops(emitted):
    buffer, n = Value("a", BufferType(FLOAT)), Value("n", INT)
    b = Builder()
    before = b.load(buffer, const(0))
    body = Region()
    with b.inside(body):
        b.effect("store", buffer, const(0), b.add(b.load(buffer, const(0)), const(1.0)))
    loop = Loop("range", Value("i", INT), const(0), n, const(1), (), (), body, ())
    b.region.nodes.append(loop)
    b.region.results = (before, b.load(buffer, const(0)))
    made = simplify(Function("f", (buffer, n), b.region))
    assert execute(made, emitted, np.zeros(1), 4) == (0, 0.0, 4.0)


def test_what_nobody_reads_goes_and_what_somebody_sees_stays():
    out, x = Value("out", BufferType(FLOAT)), Value("x", FLOAT)
    b = Builder()
    scratch = b.alloc(const(3), "zeros", "scratch")
    b.effect("store", scratch, const(0), b.mul(x, x))
    b.effect("store", out, const(0), b.neg(x))
    function = Function("f", (out, x), b.region)
    remove_dead(function)
    assert codes(function) == ["neg", "store"]


def test_constant_conditions_are_resolved(emitted):
    x = Value("x", FLOAT)
    b = Builder()
    then, orelse = Region(results=(x,)), Region(results=(const(0.0),))
    out = Value("z", FLOAT)
    b.region.nodes.append(If(const(True), then, orelse, (out,)))
    b.region.results = (out,)
    made = simplify(Function("f", (x,), b.region))
    assert not made.body.nodes
    assert execute(made, emitted, 2.5) == (0, 2.5)


# -- analysis ------------------------------------------------------------------------------------
def test_activity_goes_through_memory_and_loops():
    x, k = Value("x", FLOAT), Value("k", FLOAT)
    b = Builder()
    buffer = b.alloc(const(2), "zeros", "a")
    other = b.alloc(const(2), "zeros", "b")
    b.effect("store", other, const(0), k)
    b.effect("store", buffer, const(1), x)
    read, constant = b.load(buffer, const(0)), b.load(other, const(0))
    b.region.results = (read, constant)
    function = Function("f", (x, k), b.region)
    found = varied(function, (x,))
    assert {x, buffer, read} <= found
    assert not {k, other, constant} & found


def test_a_load_before_a_write_in_the_same_loop_may_be_overwritten():
    buffer, n = Value("a", BufferType(FLOAT)), Value("n", INT)
    b, body = Builder(), Region()
    first = b.load(buffer, const(0))
    with b.inside(body):
        inner = b.load(buffer, const(0))
        b.effect("store", buffer, const(0), b.add(inner, const(1.0)))
    b.region.nodes.append(Loop("range", Value("i", INT), const(0), n, const(1), (), (), body, ()))
    last = b.load(buffer, const(0))
    b.region.results = (first, last)
    places = Places(Function("f", (buffer, n), b.region))
    loads = {n.out: n for n in walk(b.region) if isinstance(n, Op) and n.code == "load"}
    assert places.written_after(loads[first])
    assert places.written_after(loads[inner])
    assert not places.written_after(loads[last])


# -- tangent and adjoint -------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["range", "while"])
@pytest.mark.parametrize("trips", [0, 1, 3])
def test_derivatives_of_loops(kind, trips, emitted):
    x, power = 1.1, 2**trips
    function = power_loop(kind)
    forward = simplify(tangent(function, function.params[:1]))
    status, value, dot = execute(forward, emitted, x, trips, 2.0)
    assert (status, value) == (0, pytest.approx(x**power))
    assert dot == pytest.approx(2.0 * power * x ** (power - 1))
    bar = np.ones(1)
    backward = simplify(adjoint(function, function.params[:1]))
    assert execute(backward, emitted, x, trips, np.array([3.0]), bar) == (0,)
    assert bar[0] == pytest.approx(1.0 + 3.0 * power * x ** (power - 1))


@pytest.mark.parametrize("kind", ["range", "while"])
def test_the_tangent_of_an_adjoint_is_the_second_derivative(kind, emitted):
    function = power_loop(kind)
    backward = simplify(adjoint(function, function.params[:1]))
    assert "push" in codes(backward)
    given = [p for p in backward.params if p not in function.params]
    both = simplify(tangent(backward, [function.params[0], *given]))
    bar, change = np.zeros(1), np.zeros(1)
    x, trips = 1.1, 3
    results = execute(both, emitted, x, trips, np.array([1.0]), bar, 0.5, np.zeros(1), change)
    assert results == (0,)
    assert bar[0] == pytest.approx(8 * x**7)
    assert change[0] == pytest.approx(0.5 * 56 * x**6)


def test_overwriting_clears_the_cotangent(emitted):
    x, y = Value("x", FLOAT), Value("y", FLOAT)
    b = Builder()
    buffer = b.alloc(const(1), "zeros", "a")
    b.effect("store", buffer, const(0), x)
    early = b.load(buffer, const(0))
    b.effect("store", buffer, const(0), y)
    b.region.results = (b.add(early, b.mul(b.load(buffer, const(0)), const(10.0))),)
    made = adjoint(Function("f", (x, y), b.region), (x, y))
    xbar, ybar = np.zeros(1), np.zeros(1)
    assert execute(made, emitted, 1.0, 2.0, np.ones(1), xbar, ybar) == (0,)
    assert (xbar[0], ybar[0]) == (1.0, 10.0)


def test_a_branch_that_is_not_taken_contributes_nothing(emitted):
    x = Value("x", FLOAT)
    b = Builder()
    then, orelse, out = Region(), Region(), Value("z", FLOAT)
    with b.inside(then):
        then.results = (b.div(const(1.0), x),)
    with b.inside(orelse):
        orelse.results = (b.mul(x, const(3.0)),)
    b.region.nodes.append(If(b.compare("gt", x, const(0.0)), then, orelse, (out,)))
    b.region.results = (out,)
    made = simplify(adjoint(Function("f", (x,), b.region), (x,)))
    for point, slope in ((2.0, -0.25), (0.0, 3.0), (-1.0, 3.0)):
        bar = np.zeros(1)
        assert execute(made, emitted, point, np.ones(1), bar) == (0,)
        assert bar[0] == slope  # at 0, not nan from the other side


def test_counted_loops_reserve_their_tape():
    backward = simplify(adjoint(power_loop(), power_loop().params[:1]))
    function = power_loop()
    backward = simplify(adjoint(function, function.params[:1]))
    loops = [n for n in backward.body.nodes if isinstance(n, Loop)]
    assert [frames_per_iteration(loop) for loop in loops] == [1, 0]


# -- emit ----------------------------------------------------------------------------------------
def test_emitted_expressions_keep_their_grouping(emitted):
    x, y, z = (Value(name, FLOAT) for name in "xyz")
    b = Builder()
    results = (
        b.sub(x, b.sub(y, z)),
        b.div(x, b.div(y, z)),
        b.mul(b.add(x, y), z),
        b.neg(b.add(x, y)),
        b.pure("pow", b.neg(x), const(2)),
        b.pure("pow", b.pure("pow", x, const(2)), const(3)),
        b.pure("mod", x, b.mul(y, z)),
        b.sub(x, const(-2.0)),
        b.mul(x, const(-2.0)),
        b.pure("select", b.compare("lt", x, y), b.add(x, y), z),
    )
    b.region.results = results
    at = (3.0, 5.0, 7.0)
    found = execute(Function("f", (x, y, z), b.region), emitted, *at)[1:]
    x, y, z = at
    assert found == (
        x - (y - z),
        x / (y / z),
        (x + y) * z,
        -(x + y),
        (-x) ** 2,
        (x**2) ** 3,
        x % (y * z),
        x - -2.0,
        x * -2.0,
        x + y if x < y else z,
    )


def test_parallel_assignment_of_carried_values(emitted):
    n, b, body = Value("n", INT), Builder(), Region()
    p, q, out, other = (Value(name, FLOAT) for name in ("a", "b", "a", "b"))
    body.results = (q, p)
    loop = Loop(
        "range",
        Value("i", INT),
        const(0),
        n,
        const(1),
        (p, q),
        (const(1.0), const(2.0)),
        body,
        (out, other),
    )
    b.region.nodes.append(loop)
    b.region.results = (out, other)
    assert execute(Function("f", (n,), b.region), emitted, 3) == (0, 2.0, 1.0)


def test_a_carried_value_read_late_is_not_overwritten_early(emitted):
    n, b, body = Value("n", INT), Builder(), Region()
    p, q, out, other = (Value(name, FLOAT) for name in ("a", "b", "a", "b"))
    with b.inside(body):
        grown = b.add(p, const(1.0))
        body.results = (grown, b.add(q, b.mul(p, const(10.0))))
    loop = Loop(
        "range",
        Value("i", INT),
        const(0),
        n,
        const(1),
        (p, q),
        (const(0.0), const(0.0)),
        body,
        (out, other),
    )
    b.region.nodes.append(loop)
    b.region.results = (out, other)
    assert execute(Function("f", (n,), b.region), emitted, 4) == (0, 4.0, 60.0)


def test_literals():
    from sciad.compiler.back.emit import literal

    for value in (0.1, -0.0, 1e300, 5, True):
        assert eval(literal(const(value))) == value
    assert literal(const(math.inf)) == "np.inf"
    assert isinstance(const(np.float64(2.0)), Const)


# -- runtime -------------------------------------------------------------------------------------
def test_the_tape_grows_and_keeps_what_it_holds():
    @numba.njit
    def round_trip(n):
        tape, room, top = runtime.tape_begin(), TAPE_ROOM, 0
        for k in range(n):
            if top + 2 > room:
                tape, room = runtime.tape_grow(tape, room, top + 2)
            runtime.tape_put(tape, top, 0.5 * k)
            runtime.tape_put_int(tape, top + 1, k)
            top += 2
        wrong = 0
        for k in range(n - 1, -1, -1):
            top -= 2
            same = runtime.tape_get(tape, top) == 0.5 * k
            if not same or runtime.tape_get_int(tape, top + 1) != k:
                wrong += 1
        runtime.tape_free(tape, room)
        return wrong + top

    assert round_trip(100_000) == 0
    assert round_trip(0) == 0


@jit
def fails_at_the_end(x, n):
    for i in range(n):
        x = math.sin(x)
        if i == n - 1 and x < 2.0:
            raise ValueError("the end")
    return x


def test_failures_free_the_tape():
    from sciad.core.transforms import grad

    with pytest.raises(ValueError, match="the end"):
        fails_at_the_end(1.0, 10)
    program, _, _ = fails_at_the_end._program((1.0, 10), {})
    n = 200_000
    inputs = np.array([1.0]), np.array([n]), np.ones(1), np.zeros(1)
    pull = program.compiled("vjp", inputs[1])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(300):
        assert pull(*inputs) == 1
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100_000  # kB; leaking would take 480 MB or more
    with pytest.raises(ValueError, match="the end"):
        grad(fails_at_the_end)(1.0, 10)
