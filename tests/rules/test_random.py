"""Random draws: the numbers of the plain program, differentiated pathwise."""

import numpy as np
import pytest

import sciad

from ..core.language import Programs, check_program, check_refused

PROGRAMS = Programs()
program, refused = PROGRAMS.right, PROGRAMS.refused


@program
def draw_normal(x):
    r = np.random.default_rng(0)
    return r.normal(x, x * x) + np.sum(r.normal(x, 2.0, 3)) + r.normal(1.0, x)


@program
def draw_uniform(x):
    r = np.random.default_rng(0)
    return r.uniform(x, x * 3) + np.sum(r.uniform(0, x, (2, 2)))


@program
def draw_expon(x):
    r = np.random.default_rng(0)
    return r.exponential(x) + np.sum(r.exponential(x, size=2)) + r.standard_normal() * x


@program
def draw_lognormal(x):
    r = np.random.default_rng(0)
    return r.lognormal(x, x) + r.laplace(x, x) + r.logistic(x, x) + r.gumbel(x, x)


@program
def draw_legacy(x):
    np.random.seed(0)  # noqa: NPY002
    return (
        np.random.normal(x, 2)  # noqa: NPY002
        + np.random.randn() * x  # noqa: NPY002
        + np.random.uniform(0, x)  # noqa: NPY002
        + np.random.rand(2).sum() * x  # noqa: NPY002
    )


@program
def draw_legacy2(x):
    s = np.random.RandomState(0)
    return s.normal(x, x) + s.randn(2).sum() * x + s.uniform(x, 2) + s.exponential(x)


@refused
def draw_gamma(x):
    r = np.random.default_rng(0)
    return r.gamma(x)


@program
def draw_gammascale(x):
    r = np.random.default_rng(0)
    return r.gamma(2.0, x) + r.weibull(2.0) * x


@refused
def draw_beta(x):
    r = np.random.default_rng(0)
    return r.beta(x, 2.0)


@refused
def draw_poisson(x):
    r = np.random.default_rng(0)
    return r.poisson(x) * x


@refused
def draw_binomial(x):
    r = np.random.default_rng(0)
    return r.binomial(10, x) * x


@program
def draw_perm(x):
    r = np.random.default_rng(0)
    return (
        r.permutation(np.array([x, x * x, 2.0]))[0]
        + r.choice(np.array([x, x * x]))
        + r.integers(5) * x
    )


@program
def draw_shuffle(x):
    r = np.random.default_rng(0)
    a = np.array([x, x * x, 2.0])
    r.shuffle(a)
    return a[0] * 2 + a[1]


@refused
def draw_choicep(x):
    r = np.random.default_rng(0)
    return r.choice(np.array([x, x * x]), p=[x, 1 - x])


@program
def draw_mvn(x):
    r = np.random.default_rng(0)
    return r.multivariate_normal(np.array([x, 2 * x]), np.eye(2)).sum()


@refused
def draw_mvncov(x):
    r = np.random.default_rng(0)
    return r.multivariate_normal(np.array([x, 2 * x]), np.eye(2) * x).sum()


@pytest.mark.parametrize("name", PROGRAMS.accepted)
def test_derivatives(name):
    check_program(PROGRAMS.accepted[name])


@pytest.mark.parametrize("name", PROGRAMS.errors)
def test_refused_with_location(name):
    check_refused(PROGRAMS.errors[name], __file__)


def arrays(seed, draw):
    """Draw with array parameters, twice, so that the stream must go on as in the plain program."""

    def program(a, b):
        rng = np.random.default_rng(seed)
        first = draw(rng, a, b)
        return np.sum(first * np.cos(first)) + np.sum(rng.standard_normal(3)) * np.sum(a)

    return program


DRAWS = {
    "normal": lambda rng, a, b: rng.normal(a, b),
    "normal size": lambda rng, a, b: rng.normal(a[0], scale=b, size=(4, 3)),
    "uniform": lambda rng, a, b: rng.uniform(a[:, None], a[:, None] + b, size=(3, 3)),
    "exponential": lambda rng, a, b: rng.exponential(b),
    "lognormal": lambda rng, a, b: rng.lognormal(0.1 * a, b),
    "laplace": lambda rng, a, b: rng.laplace(a, b, (2, 3)),
    "weibull": lambda rng, a, b: rng.weibull(b + 1.0),
    "pareto": lambda rng, a, b: rng.pareto(b + 2.0),
    "power": lambda rng, a, b: rng.power(b),
    "gamma": lambda rng, a, b: rng.gamma(2.0, b),
    "rayleigh": lambda rng, a, b: rng.rayleigh(b),
    "multivariate": lambda rng, a, b: rng.multivariate_normal(a, np.eye(3), size=2) * b,
    "permutation": lambda rng, a, b: rng.permutation(np.outer(a, b), axis=1) * b,
    "permuted": lambda rng, a, b: rng.permuted(np.outer(a, b), axis=0) * b,
    "choice": lambda rng, a, b: rng.choice(np.outer(a, b), 2, axis=0) * b,
}


@pytest.mark.parametrize("name", DRAWS)
def test_array_parameters(name):
    program = arrays(5, DRAWS[name])
    a, b = np.array([0.3, -0.2, 1.1]), np.array([0.5, 0.8, 1.3])
    value, _ = sciad.value_and_grad(program, argnums=(0, 1))(a, b)
    assert value == program(a, b)
    sciad.check_grads(program, (a, b), order=2)


def test_scale_zero_has_a_derivative():
    rng = np.random.default_rng
    z = rng(1).standard_normal()
    assert sciad.grad(lambda s: rng(1).normal(2.0, s))(0.0) == z
