"""Code without anything to differentiate, in the style of objects and in that of arrays."""

import numpy as np

__all__ = ["heat", "helpers", "numpy_loop", "particles", "power_iteration"]


class Vector:
    """A point in the plane."""

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def scaled(self, factor):
        return Vector(self.x * factor, self.y * factor)


class Particle:
    """A mass on a spring."""

    def __init__(self, x, y):
        self.place = Vector(x, y)
        self.speed = Vector(0.0, 0.0)

    def force(self):
        return self.place.scaled(-1.0)

    def step(self, dt):
        self.speed = self.speed + self.force().scaled(dt)
        self.place = self.place + self.speed.scaled(dt)

    def energy(self):
        p, v = self.place, self.speed
        return 0.5 * (p.x * p.x + p.y * p.y + v.x * v.x + v.y * v.y)


def particles(x):
    """Move ten particles by a hundred steps; `x` is used at the end only."""
    crowd = [Particle(1.0 + 0.1 * k, 0.5) for k in range(10)]
    for _ in range(100):
        for particle in crowd:
            particle.step(0.01)
    return x * sum(particle.energy() for particle in crowd)


def numpy_loop(x, size):
    """Smooth an array by explicit steps; `x` is used at the end only."""
    u = np.sin(np.linspace(0.0, np.pi, size))
    for _ in range(200):
        new = np.copy(u)
        new[1:-1] = u[1:-1] + 0.4 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        u = np.maximum(new, 0.0)
    return x * np.sum(u * u)


def heat(x, size):
    """Smooth an array in place."""
    u, k = np.sin(np.linspace(0.0, np.pi, size)), 0.1
    for _ in range(200):
        u[1:-1] += k * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return x * np.sum(u)


def power_iteration(x, size):
    """Estimate the largest eigenvalue of a matrix."""
    a = np.cos(np.outer(np.linspace(0.0, 1.0, size), np.linspace(0.0, 2.0, size)))
    v = np.ones(size)
    for _ in range(100):
        v = a @ v
        v = v / np.linalg.norm(v)
    return x * (v @ (a @ v))


def smoothed(u, k):
    """One step of `helpers`."""
    new = np.copy(u)
    new[1:-1] = u[1:-1] + k * second_difference(u)
    return new


def second_difference(u):
    """Inner second differences."""
    return u[2:] - 2.0 * u[1:-1] + u[:-2]


def helpers(x, size):
    """Smooth an array by functions that are given it."""
    u = np.sin(np.linspace(0.0, np.pi, size))
    for _ in range(200):
        u = smoothed(u, 0.1)
    return x * np.sum(u)
