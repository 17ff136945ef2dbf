"""Threads in a differentiated function, and gradients in several threads."""

import importlib.util
import math
import operator
import queue
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import sciad

from .language import Programs, check_program, check_refused

PROGRAMS = Programs()
program, refused = PROGRAMS.right, PROGRAMS.refused


@refused
def syntax_thread(x):
    r = []
    t = threading.Thread(target=lambda: r.append(x * x))
    t.start()
    t.join()
    return r[0]


@program
def syntax_pool(x):
    with ThreadPoolExecutor(2) as ex:
        return sum(ex.map(lambda v: math.sin(v), [x, x * x]))


@program
def syntax_submit(x):
    with ThreadPoolExecutor(2) as executor:
        return executor.submit(math.sin, x).result() * x


@program
def syntax_pool2(x):
    with ThreadPoolExecutor(2) as ex:
        return sum(ex.map(lambda v: v * v, [x, x * x])) + ex.submit(operator.mul, x, x).result()


@program
def syntax_queue(x):
    q = queue.Queue()
    q.put(x)
    return math.sin(q.get())


@program
def syntax_thread_plain(x):
    r = []
    t = threading.Thread(target=r.append, args=(2.0,))
    t.start()
    t.join()
    return r[0] * x


@pytest.mark.parametrize("name", PROGRAMS.accepted)
def test_derivatives(name):
    check_program(PROGRAMS.accepted[name])


@pytest.mark.parametrize("name", PROGRAMS.errors)
def test_refused_with_location(name):
    check_refused(PROGRAMS.errors[name], __file__)


SOURCE = """
import math
import numpy as np

class Pair:
    def __init__(self, a, b):
        self.a, self.b = a, b

    def __add__(self, other):
        return Pair(math.sin(self.a) + other.a, self.b * math.exp(other.b))

    @property
    def norm(self):
        return math.sqrt(self.a * self.a + self.b * self.b)

def helper(x):
    return math.exp(x) * np.sum(np.array([x, 1.0]))

def program(x):
    pair = Pair(x, 1.0)
    for _ in range(20):
        pair = pair + Pair(0.1 * x, 0.01)
    return pair.norm * helper(x)
"""


@pytest.fixture
def many_switches():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("attempt", range(5))
def test_first_gradients_of_the_same_function_in_threads(tmp_path, many_switches, attempt):
    file = tmp_path / f"threaded{attempt}.py"
    file.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    own = module.Pair.__add__.__code__
    found, barrier = [], threading.Barrier(4)

    def work():
        barrier.wait()
        found.extend(sciad.grad(module.program)(0.7) for _ in range(3))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [sciad.grad(module.program)(0.7)] * 12
    assert module.Pair.__add__.__code__ is own
