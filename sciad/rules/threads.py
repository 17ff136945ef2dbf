"""Threads in a differentiated function: a tape is written by one thread.

Tasks that reach traced values and are given to a pool are carried out at once, in the thread that
gives them: the results are those of the plain program. A thread that is started by hand raises if
it reaches traced values, since it may wait for the thread that starts it.
"""

from typing import Any

from sciad.core.dispatch import call
from sciad.core.errors import TracingError, user_location
from sciad.core.reach import reach_boxes
from sciad.core.rules import substitute

__all__: list[str] = []


@substitute("concurrent.futures.thread.ThreadPoolExecutor.submit")
def submit(executor: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """``executor.submit``."""
    if not reach_boxes([function, *args, *kwargs.values()]):
        return executor.submit(function, *args, **kwargs)
    from concurrent.futures import Future  # its user has imported it; `import sciad` need not

    future: Future = Future()
    try:
        future.set_result(call(function, *args, **kwargs))
    except BaseException as error:
        future.set_exception(error)
    return future


@substitute("concurrent.futures._base.Executor.map")
def map_(executor: Any, function: Any, *iterables: Any, **options: Any) -> Any:
    """``executor.map``."""
    columns = [list(iterable) for iterable in iterables]
    if not reach_boxes([function, *columns]):
        return executor.map(function, *columns, **options)
    return iter([call(function, *row) for row in zip(*columns, strict=False)])


@substitute("multiprocessing.pool.Pool.map", "multiprocessing.pool.Pool.imap")
def pool_map(pool: Any, function: Any, iterable: Any, chunksize: Any = None) -> Any:
    """``pool.map`` of a pool of threads."""
    values = list(iterable)
    if not reach_boxes([function, *values]):
        return pool.map(function, values, chunksize)
    return [call(function, value) for value in values]


@substitute("threading.Thread.start")
def start(thread: Any) -> None:
    """``thread.start``."""
    reached = [thread._target, thread._args, thread._kwargs, *vars(thread).values()]
    if reach_boxes([v for v in reached if type(v).__module__ not in ("threading", "_thread")]):
        raise TracingError(
            "a thread is started that reaches traced values",
            where=user_location(),
            hint="call the function in this thread, or use concurrent.futures.ThreadPoolExecutor",
        )
    thread.start()
