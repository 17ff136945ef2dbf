"""Compute the polynomial coefficients of `sciad/compiler/vecmath/coefficients.py`.

    python benchmarks/minimax.py

Each polynomial is the best one in the relative sense (Remez 1934, the exchange of all extrema at
once), computed with 60 digits and rounded to doubles; the error printed is that of the rounded
polynomial, as a power of two. The functions are what remains of an elementary function after
its leading terms, which the code adds by itself (Muller, Elementary Functions, 2016, chapter 3).
"""

import mpmath as mp

mp.mp.dps = 60


def remez(function, a, b, degree, rounds=12):
    """Coefficients, the lowest first, and the largest relative error of the best polynomial."""
    a, b = mp.mpf(a), mp.mpf(b)
    points = [
        (a + b) / 2 - (b - a) / 2 * mp.cos(mp.pi * k / (degree + 1)) for k in range(degree + 2)
    ]
    grid = [(a + b) / 2 - (b - a) / 2 * mp.cos(mp.pi * k / 600) for k in range(601)]
    values = [function(x) for x in grid]
    for _ in range(rounds):
        coefficients = levelled(function, points, degree)
        errors = [(horner(coefficients, x) - f) / f for x, f in zip(grid, values, strict=True)]
        points = extrema(grid, errors, degree + 2)
        sizes = [abs(horner(coefficients, x) / function(x) - 1) for x in points]
        if max(sizes) < 1.001 * min(sizes):
            break
    return coefficients, max(map(abs, errors))


def levelled(function, points, degree):
    """Polynomial whose relative errors at the points are equal with alternating signs."""
    rows, right = [], []
    for k, x in enumerate(points):
        f = function(x)
        rows.append([x**j for j in range(degree + 1)] + [(-1) ** k * f])
        right.append(f)
    return list(mp.lu_solve(mp.matrix(rows), mp.matrix(right)))[:-1]


def extrema(grid, errors, n):
    """One point of largest error for each run of equal signs, the n best that alternate."""
    runs = []
    for x, e in zip(grid, errors, strict=True):
        if not runs or (runs[-1][1] > 0) != (e > 0):
            runs.append((x, e))
        elif abs(e) > abs(runs[-1][1]):
            runs[-1] = (x, e)
    while len(runs) > n:
        runs.pop(0 if abs(runs[0][1]) < abs(runs[-1][1]) else -1)
    if len(runs) < n:
        raise ArithmeticError("the error does not alternate: more digits or a lower degree")
    return [x for x, _ in runs]


def horner(coefficients, x):
    """Value of a polynomial."""
    total = mp.mpf(0)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def series(term, first):
    """Power series in z with the given terms (60 digits are reached for |z| <= 1)."""
    terms = [term(k) for k in range(first, first + 60)]
    return lambda z: horner(terms, z)


def scaled_erfc(t):
    """exp(x**2) erfc(x) with x = 2 (1 + t) / (1 - t)."""
    x = 2 * (1 + t) / (1 - t)
    return mp.exp(x * x) * mp.erfc(x)


_F = mp.factorial
_HALF_LOG2 = mp.log(2) / 2 * mp.mpf("1.0001")
_QUARTER = (mp.pi / 4 * mp.mpf("1.0001")) ** 2
_ATANH = (3 - 2 * mp.sqrt(2)) ** 2 * mp.mpf("1.0001")
_ERF = 2 / mp.sqrt(mp.pi)

#: name -> (function, from, to, degree)
POLYNOMIALS = {
    "EXP": (series(lambda k: 1 / _F(k), 2), -_HALF_LOG2, _HALF_LOG2, 10),
    "LOG": (series(lambda k: mp.mpf(2) / (2 * k + 1), 1), 0, _ATANH, 6),
    "LOG_REST": (series(lambda k: mp.mpf(2) / (2 * k + 1), 2), 0, _ATANH, 7),
    "SIN": (series(lambda k: (-1) ** k / _F(2 * k + 1), 1), 0, _QUARTER, 5),
    "COS": (series(lambda k: (-1) ** k / _F(2 * k), 2), 0, _QUARTER, 5),
    "SINH": (series(lambda k: 1 / _F(2 * k + 1), 1), 0, 1, 6),
    "ERF": (series(lambda k: _ERF * (-1) ** k / (_F(k) * (2 * k + 1)), 1), 0, 1, 11),
    "ERFC_SCALED": (scaled_erfc, -mp.mpf(1) / 3, mp.mpf(1) / 2, 17),
}


def main():
    for name, (function, a, b, degree) in POLYNOMIALS.items():
        coefficients, _ = remez(function, a, b, degree)
        rounded = [mp.mpf(float(c)) for c in coefficients]
        places = [a + (b - a) * mp.mpf(k) / 999 for k in range(1000)]
        worst = max(abs(horner(rounded, x) / function(x) - 1) for x in places)
        print(f"#: relative error 2**{float(mp.log(worst, 2)):.1f}")
        print(f"{name} = (")
        for c in reversed(coefficients):
            print(f"    {float(c)!r},")
        print(")")


if __name__ == "__main__":
    main()
