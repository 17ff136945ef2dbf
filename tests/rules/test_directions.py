"""Several directions at once: the Jacobian of every case is the same in both modes."""

import numpy as np
import pytest

import sciad
from sciad.core.tree import flatten

from .table import all_cases

REAL = [case for case in all_cases() if not any(np.iscomplexobj(a) for a in case.args)]


@pytest.mark.parametrize("case", REAL, ids=str)
def test_jacobians_in_both_modes(case):
    def function(*args):
        return [np.real(v) + np.imag(v) for v in flatten(case.function(*args))[0]]

    numbers = tuple(range(len(case.args)))
    forward = sciad.jacobian(function, argnums=numbers, mode="forward")(*case.args)
    reverse = sciad.jacobian(function, argnums=numbers, mode="reverse")(*case.args)
    for found, expected in zip(flatten(forward)[0], flatten(reverse)[0], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-10)
