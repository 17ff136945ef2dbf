"""Linear algebra where there is no derivative, or none by the usual formula; errors of FFTs."""

import numpy as np
import pytest
import scipy.fft
import scipy.linalg
import scipy.signal

import sciad
from sciad.core.errors import NotDifferentiableError
from sciad.core.testing import check_grads

ROTATION = np.array([[0.8, -0.6], [0.6, 0.8]])
norm = np.linalg.norm


@pytest.mark.parametrize("ord", [None, 2, 1, 3, 1.5, 0.5, np.inf])
def test_norm_of_zero_has_derivative_zero(ord):
    gradient = sciad.grad(lambda x: norm(x, ord))(np.zeros(3))
    np.testing.assert_array_equal(gradient, np.zeros(3))


@pytest.mark.parametrize("ord", ["fro", "nuc", 2, 1])
def test_matrix_norm_of_zero_has_derivative_zero(ord):
    gradient = sciad.grad(lambda x: norm(x, ord))(np.zeros((2, 3)))
    np.testing.assert_array_equal(gradient, np.zeros((2, 3)))


@pytest.mark.parametrize("ord", ["x", 5, (1,)])
def test_unknown_norms_raise_as_in_numpy(ord):
    x = np.ones((2, 2))
    with pytest.raises((ValueError, TypeError)) as expected:
        norm(x, ord)
    with pytest.raises(expected.type) as found:
        sciad.grad(lambda a: norm(a, ord))(x)
    assert str(found.value) == str(expected.value)


def test_second_derivative_of_a_nearly_singular_determinant():
    a = np.array([[1.0, 2.0], [2.0, 4.0 + 1e-13]])
    exchange = sciad.hessian(np.linalg.det)(a)[0, 0, 1, 1]
    assert exchange == pytest.approx(1.0, rel=1e-12)


def test_cholesky_reads_the_lower_triangle():
    gradient = sciad.grad(lambda a: np.sum(np.linalg.cholesky(a)))(np.array([[2.0, 7.0], [1, 3]]))
    assert gradient[0, 1] == 0.0


def test_eigenvalues_alone_may_repeat():
    gradient = sciad.grad(lambda a: np.sum(np.linalg.eigvalsh(a) ** 2))(2.0 * np.eye(3))
    np.testing.assert_allclose(gradient, 4.0 * np.eye(3), atol=1e-14)


REFUSED = {
    "eigh": (lambda a: np.linalg.eigh(a)[1][0, 0], np.eye(3), "repeated eigenvalues"),
    "svd": (lambda a: np.linalg.svd(a)[0][0, 0], ROTATION, "repeated singular values"),
    "svd full": (lambda a: np.linalg.svd(a)[0][0, 2], np.arange(6.0).reshape(3, 2), "beyond the"),
    "qr complete": (
        lambda a: np.linalg.qr(a, "complete")[0][0, 2],
        np.array([[1.0, 2], [3, 4], [5, 7]]),
        "beyond those of A",
    ),
    "qr raw": (lambda a: np.linalg.qr(a, "raw")[0][0, 0], ROTATION, "reflectors"),
    "cond": (np.linalg.cond, np.diag([1.0, 0.0]), "singular matrix"),
    "scipy real beside complex": (
        lambda a: scipy.linalg.solve_sylvester(1j * a, a, a)[0, 0].real,
        ROTATION,
        "where it is not exact",
    ),
    "scipy stack": (
        lambda a: scipy.linalg.sqrtm(np.stack([a, a]))[0, 0, 0],
        ROTATION,
        "stacks of matrices",
    ),
    "scipy symmetric complex": (
        lambda a: scipy.linalg.solve(1j * a, a, assume_a="sym")[0, 0].real,
        ROTATION,
        "assume_a='sym'",
    ),
    "scipy some eigenvalues": (
        lambda a: scipy.linalg.eigvalsh(a, subset_by_index=[0, 0])[0],
        np.eye(2),
        "some of the eigenvalues",
    ),
    "scipy boundary": (
        lambda a: scipy.signal.convolve2d(a, a, boundary="wrap")[0, 0],
        ROTATION,
        "other boundaries than zeros",
    ),
    "scipy toeplitz": (
        lambda a: np.sum(scipy.linalg.toeplitz(np.stack([a, a]))),
        ROTATION,
        "more than one axis",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_no_derivative_raises(name):
    function, point, message = REFUSED[name]
    with pytest.raises(NotDifferentiableError, match=message):
        sciad.grad(function)(point)


def test_vectors_of_repeated_eigenvalues_have_no_tangent():
    direction = np.array([[0.0, 1.0], [1.0, 0.0]])
    _, tangent = sciad.jvp(lambda a: np.linalg.eigh(a)[1], (np.eye(2),), (direction,))
    assert np.all(np.isnan(np.diag(tangent)))


def test_complex_singular_vectors_of_unknown_phase():
    """LAPACK fixes no phase in very wide matrices: what depends on none has a gradient."""
    rng = np.random.default_rng(5)
    a = rng.standard_normal((3, 20)) + 1j * rng.standard_normal((3, 20))
    t, w = (rng.standard_normal(a.shape) + 1j * rng.standard_normal(a.shape) for _ in range(2))

    def polar(x):
        u, s, vh = np.linalg.svd(x, full_matrices=False)
        return np.sum(np.real(w * (u @ vh + s[0] * np.outer(u[:, 0], vh[0]))))

    step = 1e-5
    expected = (polar(a + step * t) - polar(a - step * t)) / (2.0 * step)
    found = np.sum(np.real(np.conjugate(sciad.grad(polar)(a)) * t))
    assert found == pytest.approx(expected, rel=1e-7)
    check_grads(lambda x: norm(x, "nuc") + norm(x, 2), (a,), order=2)
    with pytest.raises(NotDifferentiableError, match="phases"):
        sciad.grad(lambda x: np.linalg.svd(x, full_matrices=False)[0][1, 0].real)(a)


ERRORS = {
    "no points": lambda x: np.fft.fft(x, 0),
    "empty": lambda x: np.fft.rfft(x[:0]),
    "complex rfft": lambda x: np.fft.rfft(x * 1j),
    "norm": lambda x: np.fft.fft(x, norm="none"),
    "axis": lambda x: np.fft.fft(x, axis=2),
    "two axes": lambda x: np.fft.fft2(x),
    "one point": lambda x: np.fft.irfft(x[:1]),
    "hermitian norm": lambda x: np.fft.ihfft(x, norm="none"),
    "length": lambda x: np.fft.fft(x, 2.5),
    "scipy no points": lambda x: scipy.fft.fft(x, 0),
    "scipy one point": lambda x: scipy.fft.irfft(x[:1]),
    "scipy axis": lambda x: scipy.fft.fft(x, axis=3),
    "scipy complex rfft": lambda x: scipy.fft.rfft(x * 1j),
    "scipy repeated axes": lambda x: scipy.fft.fftn(x, axes=(0, 0)),
    "scipy norm": lambda x: scipy.fft.fft(x, norm="none"),
    "scipy type": lambda x: scipy.fft.dct(x, 5),
}


@pytest.mark.parametrize("name", ERRORS)
def test_transforms_raise_as_in_the_plain_program(name):
    x = np.arange(1.0, 5.0)
    with pytest.raises((ValueError, TypeError, IndexError)) as expected:
        ERRORS[name](x)
    with pytest.raises(expected.type) as found:
        sciad.vjp(ERRORS[name], x)
    assert str(found.value) == str(expected.value)
