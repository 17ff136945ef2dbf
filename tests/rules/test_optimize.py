"""Optimisation and roots of SciPy: derivatives that can be followed, and refusals that help."""

import numpy as np
import pytest
import scipy.optimize as so

import sciad

P = np.array([1.5, 2.0])
SQUARE = ((0.0, 2.0), (0.0, 2.0))


def objective(x, p):
    return (x[0] - p[0]) ** 2 + p[1] * x[1] ** 2 + (x[1] - x[0]) ** 2


SEARCHES = {
    "Nelder-Mead": lambda f: so.minimize(f, np.zeros(2), method="Nelder-Mead").x,
    "fmin": lambda f: so.fmin(f, np.zeros(2), disp=False),
    "golden": lambda f: so.golden(lambda x: f(np.array([x, 0.3]))),
    "minimize_scalar": lambda f: (
        so.minimize_scalar(lambda x: f(np.array([x, 0.3])), method="golden").x
    ),
    "brute": lambda f: so.brute(f, SQUARE, Ns=4, finish=None),
    "differential_evolution": lambda f: (
        so.differential_evolution(f, SQUARE, seed=1, polish=False, maxiter=1).x
    ),
    "dual_annealing": lambda f: (
        so.dual_annealing(f, SQUARE, seed=1, no_local_search=True, maxiter=1).x
    ),
    "shgo": lambda f: so.shgo(f, SQUARE).x,
}


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_that_compares_values_has_no_derivative(name):
    """Followed, its result would be a constant: a derivative of zero."""
    search = SEARCHES[name]
    with pytest.raises(sciad.NotDifferentiableError, match="only compares") as caught:
        sciad.grad(lambda p: np.sum(search(lambda x: objective(x, p))))(P)
    assert caught.value.where.startswith(__file__)
    with pytest.raises(sciad.NotDifferentiableError, match="only compares"):
        sciad.jvp(lambda p: search(lambda x: objective(x, p)), (P,), (P,))


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_over_plain_numbers_stays_what_it_is(name):
    """Its result is a constant of the derivative."""

    def scaled(p):
        return p[0] * np.sum(SEARCHES[name](lambda x: objective(x, P)))

    value, gradient = sciad.value_and_grad(scaled)(P)
    assert value == scaled(P)
    np.testing.assert_allclose(gradient, [value / P[0], 0.0], rtol=1e-15, atol=0.0)


def test_the_way_out_of_a_search_works():
    """The minimum is the root of the gradient: three linear equations."""

    def minimum(p):
        options = {"xatol": 1e-10, "fatol": 1e-14}
        found = so.minimize(objective, np.zeros(2), (p,), method="Nelder-Mead", options=options)
        return found.x

    def exact(p):
        return np.linalg.solve(np.array([[2.0, -1.0], [-1.0, 1.0 + p[1]]]), np.array([p[0], 0.0]))

    with sciad.rule(minimum, residual=lambda x, p: sciad.grad(objective)(x, p)):
        found = sciad.jacobian(minimum)(P)
    np.testing.assert_allclose(found, sciad.jacobian(exact)(P), rtol=1e-6)


@pytest.mark.parametrize("method", ["BFGS", "CG", "Powell"])
def test_minimisers_that_compute_with_values_are_followed(method):
    def minimum(p):
        return so.minimize(objective, np.zeros(2), (p,), method=method).x

    np.testing.assert_allclose(
        sciad.jacobian(minimum)(P), [[0.6, -0.06], [0.2, -0.12]], rtol=1e-5, atol=1e-7
    )


def test_code_that_is_not_followed_is_named_as_the_user_calls_it():
    """Not only by the C function in it; the rule that the hint asks for works."""

    def root(p):
        return so.brentq(lambda x: x**3 + p[0] * x - p[1], 0.0, 5.0)

    with pytest.raises(sciad.LostDerivativeError, match=r"in scipy\.optimize\.brentq") as caught:
        sciad.grad(root)(P)
    assert "give scipy.optimize.brentq a rule" in caught.value.hint
    assert caught.value.where.startswith(__file__)
    with sciad.rule(so.brentq, residual=lambda x, f, a, b: f(x)):
        gradient = sciad.grad(root)(P)
    slope = 3.0 * root(P) ** 2 + P[0]
    np.testing.assert_allclose(gradient, [-root(P) / slope, 1.0 / slope], rtol=1e-9)

    with pytest.raises(sciad.LostDerivativeError, match=r"nnls \(in scipy\.optimize\.nnls\)") as it:
        sciad.grad(lambda p: so.nnls(np.eye(2), p)[0][0])(P)
    assert "register one for scipy.optimize.nnls" in it.value.hint
