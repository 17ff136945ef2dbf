"""Programs of the benchmark `eager.py`, for any of the array libraries."""

import numpy as np

__all__ = [
    "LAYERS",
    "OPERATIONS",
    "array_chain",
    "lstm",
    "lstm_parameters",
    "scalar_chain",
]

HIDDEN, INPUTS, LAYERS, LENGTH = 8, 4, 2, 20
#: What `lstm` does to arrays: 26 operations a layer and step, 3 a step.
OPERATIONS = LENGTH * (LAYERS * 26 + 3)


def scalar_chain(x, a, b, sin):
    for _ in range(1000):
        x = sin(x)
        x = x * a
        x = x + b
    return x


def array_chain(x, a, b, sin):
    for _ in range(1000):
        x = sin(x)
        x = x * a
        x = x + b
    return x.sum()


def lstm_parameters(batch):
    """(weights of each layer, inputs of each step) of columns of a batch."""
    rng = np.random.default_rng(0)
    parameters = []
    for layer in range(LAYERS):
        size = INPUTS if layer == 0 else HIDDEN
        parameters.append(
            (
                rng.normal(size=(4 * HIDDEN, size)) * 0.3,
                rng.normal(size=(4 * HIDDEN, HIDDEN)) * 0.3,
                rng.normal(size=(4 * HIDDEN, 1)) * 0.1,
            )
        )
    return parameters, [rng.normal(size=(INPUTS, batch)) for _ in range(LENGTH)]


def lstm(parameters, inputs, xp):
    """Sum of squares of the top layer's outputs."""

    def sigmoid(z):
        return 1.0 / (1.0 + xp.exp(-z))

    zero = inputs[0][:1] * 0.0
    states = [(zero, zero) for _ in parameters]
    total = 0.0
    for x in inputs:
        for layer, (w, u, b) in enumerate(parameters):
            h, c = states[layer]
            z = w @ x + b if h is zero else w @ x + u @ h + b
            i, f = sigmoid(z[:HIDDEN]), sigmoid(z[HIDDEN : 2 * HIDDEN])
            o, g = sigmoid(z[2 * HIDDEN : 3 * HIDDEN]), xp.tanh(z[3 * HIDDEN :])
            c = f * c + i * g
            h = o * xp.tanh(c)
            states[layer] = h, c
            x = h
        total = total + xp.sum(x * x)
    return total
