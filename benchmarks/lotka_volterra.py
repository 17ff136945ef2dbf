"""Predator and prey: value and gradient of a fit's loss, sciad beside the limit and its peers.

51 save points, rtol = atol = 1e-8, the gradient with respect to four parameters (a dict) and two
initial values. One thread; medians of repeated runs in one process, compilation excluded (see
`startup.py` for it). Accuracy: the largest relative error of a gradient against complex steps
through SciPy's DOP853
at 1e-13.

    python benchmarks/lotka_volterra.py [--end 50] [--seconds 1]
"""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.integrate
from limits.lotka_volterra import loss_and_gradient

import sciad
from sciad.ode import DiscreteAdjoint, Forward, solve_ivp

TOLERANCE = 1e-8
RATES = {"alpha": 1.1, "beta": 0.4, "gamma": 0.4, "delta": 0.1}
START = np.array([10.0, 5.0])
TARGETS = {"limit": 3.0, "SciPy RK45 + finite differences": 300.0, "diffrax": 12.0}


def model(t, y, p):
    hare, lynx = y
    return [
        p["alpha"] * hare - p["beta"] * hare * lynx,
        -p["gamma"] * lynx + p["delta"] * hare * lynx,
    ]


@dataclass
class Row:
    """A contestant: its gradient as one vector (four rates, two initial values) and its time."""

    name: str
    gradient: np.ndarray
    seconds: float


def measure(name: str, run: Callable[[], np.ndarray], seconds: float) -> Row:
    gradient = run()
    run()
    times: list[float] = []
    began = time.perf_counter()
    while time.perf_counter() - began < seconds or len(times) < 5:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return Row(name, gradient, float(np.median(times)))


def reference_states(x: np.ndarray, times: np.ndarray, dtype: type = float) -> np.ndarray:
    """Solve once more with SciPy, very accurately; complex inputs for complex steps."""
    rates = dict(zip(RATES, x[:4], strict=True))
    found = scipy.integrate.solve_ivp(
        lambda t, y: np.array(model(t, y, rates)),
        (times[0], times[-1]),
        x[4:].astype(dtype),
        "DOP853",
        t_eval=times,
        rtol=1e-13,
        atol=1e-13,
    )
    return found.y


def reference_gradient(times: np.ndarray, data: np.ndarray) -> np.ndarray:
    x = np.array([*RATES.values(), *START])
    gradient = []
    for k in range(x.size):
        moved = x.astype(complex)
        moved[k] += 1e-30j
        states = reference_states(moved, times, complex)
        gradient.append(((states - data) ** 2).sum().imag / 1e-30)
    return np.array(gradient)


def limit(times: np.ndarray, data: np.ndarray, seconds: float) -> Row:
    tape, saves = np.empty((100_000, 16)), np.empty((2, times.size))
    rates = np.array(list(RATES.values()))

    def run() -> np.ndarray:
        _, by_rates, by_start = loss_and_gradient(
            rates, START, times, data, TOLERANCE, TOLERANCE, tape, saves
        )
        return np.concatenate([by_rates, by_start])

    return measure("limit", run, seconds)


def with_sciad(times: np.ndarray, data: np.ndarray, seconds: float, name: str, how=None) -> Row:
    span = (times[0], times[-1])

    def loss(rates, start):
        found = solve_ivp(
            model,
            span,
            start,
            t_eval=times,
            args=(rates,),
            rtol=TOLERANCE,
            atol=TOLERANCE,
            sensitivity=how,
        )
        return ((found.y - data) ** 2).sum()

    gradient = sciad.value_and_grad(loss, argnums=(0, 1))

    def run() -> np.ndarray:
        _, (by_rates, by_start) = gradient(RATES, START)
        return np.array([*by_rates.values(), *by_start])

    return measure(name, run, seconds)


def with_pullback(times: np.ndarray, data: np.ndarray, seconds: float) -> Row:
    """Run sciad without tracing: the derivative of the loss by hand, then the solve's pullback."""
    span = (times[0], times[-1])

    def run() -> np.ndarray:
        found = solve_ivp(
            model,
            span,
            START,
            t_eval=times,
            args=(RATES,),
            rtol=TOLERANCE,
            atol=TOLERANCE,
            sensitivity=DiscreteAdjoint(),
        )
        residuals = found.y - data
        np.vdot(residuals, residuals)
        by_start, (by_rates,) = found.pullback(2.0 * residuals)
        return np.array([*by_rates.values(), *by_start])

    return measure("sciad, solve_ivp and its pullback", run, seconds)


def with_scipy(times: np.ndarray, data: np.ndarray, seconds: float) -> Row:
    def loss(x):
        rates = dict(zip(RATES, x[:4], strict=True))
        found = scipy.integrate.solve_ivp(
            model,
            (times[0], times[-1]),
            x[4:],
            "RK45",
            t_eval=times,
            args=(rates,),
            rtol=TOLERANCE,
            atol=TOLERANCE,
        )
        return ((found.y - data) ** 2).sum()

    x = np.array([*RATES.values(), *START])
    steps = 1e-5 * np.abs(x)

    def run() -> np.ndarray:
        value = loss(x)
        return np.array(
            [(loss(x + h * e) - value) / h for h, e in zip(steps, np.eye(x.size), strict=True)]
        )

    return measure("SciPy RK45 + finite differences", run, seconds)


def with_diffrax(times: np.ndarray, data: np.ndarray, seconds: float) -> list[Row]:
    """All suitable methods and adjoints of diffrax, or none if it is not installed."""
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    try:
        import diffrax
        import jax
    except ImportError:
        return []
    jax.config.update("jax_enable_x64", True)
    term = diffrax.ODETerm(lambda t, y, p: jax.numpy.stack(model(t, y, p)))
    controllers = {
        "PID": diffrax.PIDController(TOLERANCE, TOLERANCE, pcoeff=0.3, icoeff=0.4),
        "I": diffrax.PIDController(TOLERANCE, TOLERANCE),
    }
    adjoints = {
        "checkpoint": diffrax.RecursiveCheckpointAdjoint(),
        "forward": diffrax.ForwardMode(),
    }
    rows = []
    for solver in (diffrax.Tsit5(), diffrax.Dopri5(), diffrax.Dopri8()):
        for control, controller in controllers.items():
            for how, adjoint in adjoints.items():

                def loss(arguments, s=solver, c=controller, a=adjoint):
                    rates, start = arguments
                    found = diffrax.diffeqsolve(
                        term,
                        s,
                        times[0],
                        times[-1],
                        None,
                        start,
                        rates,
                        adjoint=a,
                        saveat=diffrax.SaveAt(ts=times),
                        stepsize_controller=c,
                        max_steps=16384,
                    )
                    return ((found.ys.T - data) ** 2).sum()

                if how == "forward":
                    gradient = jax.jit(lambda x, f=loss: (f(x), jax.jacfwd(f)(x)))
                else:
                    gradient = jax.jit(jax.value_and_grad(loss))

                def run(g=gradient):
                    _, (by_rates, by_start) = jax.block_until_ready(g((RATES, START)))
                    return np.array([*(float(by_rates[k]) for k in RATES), *by_start])

                name = f"diffrax {type(solver).__name__}, {control}, {how}"
                rows.append(measure(name, run, seconds))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--end", type=float, default=50.0, help="end of the time span")
    parser.add_argument("--seconds", type=float, default=1.0, help="time per contestant")
    options = parser.parse_args()
    times = np.linspace(0.0, options.end, 51)
    data = reference_states(np.array([*RATES.values(), *START]), times)
    data = data * (1.0 + 0.1 * np.sin(np.arange(data.size)).reshape(data.shape))
    expected = reference_gradient(times, data)
    rows = [
        limit(times, data, options.seconds),
        with_pullback(times, data, options.seconds),
        with_sciad(times, data, options.seconds, "sciad, value_and_grad"),
        with_sciad(times, data, options.seconds, "sciad, value_and_grad, Forward", Forward()),
        with_scipy(times, data, options.seconds),
        *with_diffrax(times, data, options.seconds),
    ]
    print(f"Lotka-Volterra to t = {options.end:g}, 51 save points, tolerance {TOLERANCE:g}")
    print(f"{'':40s}{'ms':>10s}{'/ limit':>10s}{'error':>11s}")
    for row in rows:
        error = np.abs((row.gradient - expected) / expected).max()
        ratio = row.seconds / rows[0].seconds
        print(f"{row.name:40s}{1e3 * row.seconds:10.4f}{ratio:10.3g}{error:11.1e}")
    for ours in rows[1:3]:
        report(ours, rows[0], rows[4], rows[5:])


def report(ours: Row, limit: Row, scipy_row: Row, diffrax: list[Row]) -> None:
    print(f"\n{ours.name}")
    ratio = ours.seconds / limit.seconds
    print(f"  sciad / limit: {ratio:.2f} (target: at most {TARGETS['limit']:g})")
    ratio = scipy_row.seconds / ours.seconds
    print(f"  SciPy / sciad: {ratio:.0f} (target: at least {TARGETS[scipy_row.name]:g})")
    if not diffrax:
        print("  diffrax is not installed: not compared")
        return
    best = min(diffrax, key=lambda row: row.seconds)
    ratio = best.seconds / ours.seconds
    print(f"  {best.name} / sciad: {ratio:.1f} (target: at least {TARGETS['diffrax']:g})")


if __name__ == "__main__":
    main()
