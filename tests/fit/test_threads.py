from contextlib import nullcontext
from importlib.util import find_spec

from sciad.fit import threads


def test_without_threadpoolctl_nothing_happens(monkeypatch):
    monkeypatch.setattr(threads, "find_spec", lambda name: None)
    assert isinstance(threads.one_blas_thread(), nullcontext)


def test_limits_hold_inside_and_are_lifted_outside():
    if find_spec("threadpoolctl") is None:
        assert isinstance(threads.one_blas_thread(), nullcontext)
        return
    from threadpoolctl import threadpool_info

    def count():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = count()
    with threads.one_blas_thread():
        assert set(count()) <= {1}
    assert count() == before
