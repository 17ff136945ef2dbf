"""Random draws with traced parameters: the numbers of the plain program, differentiated pathwise.

A draw is written as a function of its parameters and of noise that does not depend on them
(Kingma, Welling, "Auto-encoding variational Bayes", 2014): ``normal(mu, sigma)`` is
``mu + sigma z``. The noise is drawn first, from the same stream, and the stream is set back; the
value is then what NumPy draws. Parameters that no such formula is known for (the shape of a gamma,
a probability) raise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sciad.core.apply import bind
from sciad.core.errors import NotDifferentiableError, user_location
from sciad.core.reach import holds_boxes
from sciad.core.rules import substitute
from sciad.core.tracer import any_traced, as_array, is_traced, primal_of, shape_of, unwrap_constants

__all__: list[str] = []


@dataclass(frozen=True)
class Family:
    """A distribution: its parameters, the noise, and how the value moves with each parameter.

    ``partials[k](z, value, *parameters)`` is the derivative to parameter ``k``, None where none is
    known. ``noise`` names the method that draws ``z``, with its first arguments.
    """

    name: str
    parameters: tuple[str, ...]
    defaults: tuple[Any, ...]
    noise: tuple[Any, ...]
    partials: tuple[Callable[..., Any] | None, ...]


def _one(z, value, *parameters):
    return np.ones_like(value)


def _noise(z, value, *parameters):
    return z


# location and scale: loc + scale z
_SHIFTED = (_one, _noise)
# inverse of a distribution function u**(1/a), where u does not depend on a
_POWER = (lambda z, value, a: -value * np.log(value) / a,)

FAMILIES = (
    Family("normal", ("loc", "scale"), (0.0, 1.0), ("standard_normal",), _SHIFTED),
    Family("laplace", ("loc", "scale"), (0.0, 1.0), ("laplace", 0.0, 1.0), _SHIFTED),
    Family("logistic", ("loc", "scale"), (0.0, 1.0), ("logistic", 0.0, 1.0), _SHIFTED),
    Family("gumbel", ("loc", "scale"), (0.0, 1.0), ("gumbel", 0.0, 1.0), _SHIFTED),
    Family(
        "uniform",
        ("low", "high"),
        (0.0, 1.0),
        ("uniform", 0.0, 1.0),
        (lambda z, value, low, high: 1.0 - z, lambda z, value, low, high: z),
    ),
    Family("exponential", ("scale",), (1.0,), ("standard_exponential",), (_noise,)),
    Family("rayleigh", ("scale",), (1.0,), ("rayleigh", 1.0), (_noise,)),
    Family(
        "lognormal",
        ("mean", "sigma"),
        (0.0, 1.0),
        ("standard_normal",),
        (lambda z, value, mean, sigma: value, lambda z, value, mean, sigma: value * z),
    ),
    Family("weibull", ("a",), (), (), _POWER),
    Family("power", ("a",), (), (), _POWER),
    Family("pareto", ("a",), (), (), (lambda z, v, a: -(1.0 + v) * np.log1p(v) / a,)),
    Family(
        "gamma",
        ("shape", "scale"),
        (1.0,),
        (),
        (None, lambda z, value, shape, scale: value / scale),
    ),
)


class Draw:
    """Numbers that were drawn, as a function of the parameters."""

    def __init__(self, family, noise, drawn):
        self.name = f"numpy.random.{family.name}"
        self.family = family
        self.noise = noise
        self.drawn = drawn

    def value(self, *parameters):
        if any_traced(parameters):
            return bind(self, *parameters)
        return np.array(self.drawn) if np.ndim(self.drawn) else self.drawn

    def vjp(self, g, out, *parameters):
        return tuple(
            None if p is None else _summed(g * p(self.noise, out, *parameters), shape_of(x))
            for p, x in zip(self.family.partials, parameters, strict=True)
        )

    def jvp(self, tangents, out, *parameters):
        total = 0.0
        for t, p in zip(tangents, self.family.partials, strict=True):
            if t is not None and p is not None:
                missing = (1,) * (np.ndim(self.drawn) - len(shape_of(t)) + 1)
                t = np.reshape(t, (shape_of(t)[0], *missing, *shape_of(t)[1:]))
                total = total + t * p(self.noise, out, *parameters)
        return total


def _summed(g, shape):
    """Cotangent of a parameter that was repeated to the shape of the draw."""
    extra = len(shape_of(g)) - len(shape)
    g = np.sum(g, axis=tuple(range(extra)))
    repeated = tuple(k for k, n in enumerate(shape) if n == 1 and shape_of(g)[k] != 1)
    return np.sum(g, axis=repeated, keepdims=True) if repeated else g


def _draw(family, generator, args, kwargs):
    names = (*family.parameters, "size")
    missing = len(family.parameters) - len(family.defaults)
    given = dict(zip(family.parameters[missing:], family.defaults, strict=True))
    given.update(zip(names, args, strict=False))
    given.update(kwargs)
    parameters = [given[name] for name in family.parameters]
    for name, p, value in zip(family.parameters, family.partials, parameters, strict=True):
        if p is None and is_traced(value):
            raise NotDifferentiableError(
                f"numpy.random: a draw of {family.name} has no derivative to {name!r}",
                where=user_location(),
                hint=f"pass sciad.stop_gradient({name}) if the derivative is not wanted",
            )
    plain = [primal_of(p) for p in parameters]
    method = getattr(generator, family.name)
    before = _state(generator)
    drawn = method(*plain, given.get("size"))
    after = _state(generator)
    noise = None
    if family.noise:
        _set_state(generator, before)
        noise = getattr(generator, family.noise[0])(*family.noise[1:], np.shape(drawn) or None)
        _set_state(generator, after)
    return bind(Draw(family, noise, drawn), *(unwrap_constants(p) for p in parameters))


def _state(generator):
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.get_state(legacy=False)


def _set_state(generator, state):
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    else:
        generator.set_state(state)


def _register(family):
    keys = [getattr(kind, family.name) for kind in (np.random.Generator, np.random.RandomState)]

    @substitute(*keys)
    def draw(generator, *args, **kwargs):
        if "out" in kwargs or any(name not in (*family.parameters, "size") for name in kwargs):
            return getattr(generator, family.name)(*args, **kwargs)
        return _draw(family, generator, args, kwargs)


for _family in FAMILIES:
    _register(_family)


# Parts of traced arrays at random ----------------------------------------------------------------


def _by_index(generator, name, x, *args, **kwargs):
    """Draw places instead of elements: the stream is used the same way."""
    places = np.arange(float(np.size(primal_of(x)))).reshape(shape_of(x))
    found = np.asarray(getattr(generator, name)(places, *args, **kwargs)).astype(np.intp)
    flat = np.reshape(x, -1)
    if not found.ndim:
        return flat[int(found)]
    if found.flags.f_contiguous and not found.flags.c_contiguous:  # in memory as NumPy leaves it
        return np.transpose(flat[found.T])
    return flat[found]


@substitute(np.random.Generator.permutation, np.random.RandomState.permutation)
def permutation(generator, x, *args, **kwargs):
    """``rng.permutation`` of a traced array."""
    return _by_index(generator, "permutation", as_array(x), *args, **kwargs)


@substitute(np.random.Generator.permuted)
def permuted(generator, x, *, axis=None, out=None):
    """``rng.permuted`` of a traced array."""
    result = _by_index(generator, "permuted", as_array(x), axis=axis)
    if out is None:
        return result
    out[...] = result
    return out


@substitute(np.random.Generator.choice, np.random.RandomState.choice)
def choice(generator, a, *args, **kwargs):
    """``rng.choice`` among the elements of a traced array; probabilities have no derivative."""
    if holds_boxes([*args[2:], *kwargs.values()]):
        raise NotDifferentiableError(
            "numpy.random: choice has no derivative to its probabilities",
            where=user_location(),
            hint="pass sciad.stop_gradient(p) if the derivative is not wanted",
        )
    args, kwargs = [primal_of(v) for v in args], {k: primal_of(v) for k, v in kwargs.items()}
    if not np.ndim(primal_of(a)):
        return generator.choice(primal_of(a), *args, **kwargs)
    return _by_index(generator, "choice", as_array(a), *args, **kwargs)


@substitute(np.random.Generator.shuffle, np.random.RandomState.shuffle)
def shuffle(generator, x, *args, **kwargs):
    """``rng.shuffle``, in place; objects of lists change places as they are."""
    if isinstance(x, list):
        return generator.shuffle(x, *args, **kwargs)
    places = np.arange(float(np.size(primal_of(x)))).reshape(shape_of(x))
    generator.shuffle(places, *args, **kwargs)
    x[...] = np.reshape(x, -1)[places.astype(np.intp)]
    return None


class Shifted:
    """A draw around a traced mean."""

    name = "numpy.random.multivariate_normal"

    def __init__(self, drawn):
        self.drawn = drawn

    def value(self, mean):
        return bind(self, mean) if is_traced(mean) else np.array(self.drawn)

    def vjp(self, g, out, mean):
        return (np.sum(g, axis=tuple(range(len(shape_of(g)) - 1))),)

    def jvp(self, tangents, out, mean):
        (t,) = tangents
        middle = (1,) * (np.ndim(self.drawn) - 1)
        return np.reshape(t, (shape_of(t)[0], *middle, shape_of(t)[1])) + np.zeros(self.drawn.shape)


@substitute(np.random.Generator.multivariate_normal, np.random.RandomState.multivariate_normal)
def multivariate_normal(generator, mean, cov, *args, **kwargs):
    """``rng.multivariate_normal``: has a derivative to the mean."""
    if is_traced(as_array(cov)) or holds_boxes([*args, *kwargs.values()]):
        raise NotDifferentiableError(
            "numpy.random: multivariate_normal has no derivative to the covariance",
            where=user_location(),
            hint="write mean + np.linalg.cholesky(cov) @ rng.standard_normal(len(mean))",
        )
    drawn = generator.multivariate_normal(
        primal_of(mean), primal_of(as_array(cov)), *args, **kwargs
    )
    return bind(Shifted(drawn), as_array(mean))
