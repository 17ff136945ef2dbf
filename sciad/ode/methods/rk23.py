"""The Bogacki-Shampine 3(2) pair with the cubic Hermite interpolant: SciPy's ``RK23``.

References
----------
.. [1] P. Bogacki, L. W. Shampine, "A 3(2) pair of Runge-Kutta formulas", Applied Mathematics
       Letters 2 (1989), 321-325.
"""

import numpy as np

from sciad.ode.tableau import ExplicitTableau

__all__ = ["RK23"]

# fmt: off
RK23 = ExplicitTableau(
    name="RK23",
    order=3,
    error_order=2,
    dense_order=3,
    c=np.array([0, 1/2, 3/4, 1]),
    a=np.array([
        [0, 0, 0, 0],
        [1/2, 0, 0, 0],
        [0, 3/4, 0, 0],
        [2/9, 1/3, 4/9, 0],
    ]),
    e=np.array([-5/72, 1/12, 1/9, -1/8]),
    dense=np.array([
        [1, -4/3, 5/9],
        [0, 1, -2/3],
        [0, 4/3, -8/9],
        [0, -1, 1],
    ]),
    reference="Bogacki & Shampine (1989), Appl. Math. Lett. 2, 321-325",
)
