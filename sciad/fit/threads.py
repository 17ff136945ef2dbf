"""One thread for the optimiser's own linear algebra.

The matrices of an optimiser are as small as the number of parameters. Threads of a BLAS library
gain nothing there and cost much where processors are few or shared: `scipy.optimize`'s L-BFGS-B was
measured at 6 ms a step with two OpenBLAS threads on a busy two-processor machine, 0.05 ms with one.
"""

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from importlib.util import find_spec
from typing import cast

__all__ = ["one_blas_thread"]


def one_blas_thread() -> AbstractContextManager[object]:
    """Hold BLAS to one thread for the length of a ``with``, if threadpoolctl is installed."""
    if find_spec("threadpoolctl") is None:
        return nullcontext()
    limits = import_module("threadpoolctl").threadpool_limits(limits=1, user_api="blas")
    return cast(AbstractContextManager[object], limits)
