"""The report of a fit as text."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sciad.fit.parameters import Parameter

if TYPE_CHECKING:
    from sciad.fit.result import FitResult

__all__ = ["fit_report"]

SAME_END = 0.01  # starts whose nllh differ by less have found the same minimum


def fit_report(result: "FitResult", min_correl: float = 0.1) -> str:
    """Write the report; see `FitResult.fit_report`."""
    sections = [
        _headline(result),
        _run(result),
        _statistics(result),
        _parameters(result),
        _correlations(result, min_correl),
        _notes(result),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _headline(result: "FitResult") -> str:
    title = f"Fit of {result.problem.simulation.name}"
    return f"{title}\n{'=' * len(title)}\n{result.message}"


def _run(result: "FitResult") -> str:
    problem = result.problem
    sizes = ", ".join(f"{name} {series.time.size}" for name, series in problem.data.items())
    times = problem.data.times()
    unit = problem.data.units.get("time", "")
    rows = [
        ("data", f"{result.n_data} values ({sizes}), time {times[0]:g} to {times[-1]:g} {unit}"),
        ("noise", _noise(result)),
        ("method", f"{result.method}, {result.derivative}"),
        ("starts", _starts(result)),
        ("solver", _solver(result)),
        ("effort", _effort(result)),
        ("versions", ", ".join(f"{name} {text}" for name, text in result.versions.items())),
    ]
    return _block("What was run", rows)


def _solver(result: "FitResult") -> str:
    settings = {
        key: f"{key} = {value:g}" if isinstance(value, float) else f"{key} = {value}"
        for key, value in result.solver.items()
    }
    settings["method"] = result.solver["method"]
    stats = result.solver_stats
    how = "compiled" if stats["compiled"] else "not compiled"
    return ", ".join(settings.values()) + f" ({how}, {stats['accepted']} steps at the estimate)"


def _noise(result: "FitResult") -> str:
    texts = []
    for name, model in result.problem.noise.items():
        sigma = "from the data" if model.sigma is None else model.sigma
        texts.append(f"{name} {model.label} (sigma: {sigma})")
    return ", ".join(texts)


def _starts(result: "FitResult") -> str:
    ends = [start["nllh"] for start in result.starts if start["nllh"] is not None]
    if len(result.starts) == 1:
        return "1, the values of the table"
    same = sum(end - min(ends) < SAME_END for end in ends)
    failed = len(result.starts) - len(ends)
    text = f"{len(ends)}, of which {same} reached the best nllh within {SAME_END}"
    return text + (f"; {failed} more could not be evaluated" if failed else "")


def _effort(result: "FitResult") -> str:
    text = f"{result.nfev} evaluations, {result.njev} derivatives, {result.elapsed:.2f} s"
    return text + (f"; {result.nfev_failed} evaluations failed" if result.nfev_failed else "")


def _statistics(result: "FitResult") -> str:
    rows = [
        ("nllh", f"{result.nllh:.4f}   (density of the measured values, all constants included)"),
        ("AIC", f"{result.aic:.4f}"),
        ("BIC", f"{result.bic:.4f}"),
        ("n_data, n_free", f"{result.n_data}, {result.n_free}"),
        ("chi-square", f"{result.residuals @ result.residuals:.4f}   (standardised residuals)"),
    ]
    return _block("Statistics", rows)


def _parameters(result: "FitResult") -> str:
    header = ["name", "value", "std. error", "rel. error", "start", "min", "max", "scale", "unit"]
    rows = [_row(row) for row in result.params.values()]
    return "Parameters (natural scale)\n" + _table(header, rows, left={0, 7, 8})


def _row(row: Parameter) -> list[str]:
    error = "fixed" if not row.vary else "-" if row.stderr is None else f"{row.stderr:.2g}"
    relative = "-"
    if row.stderr is not None and row.value != 0:
        relative = f"{100 * row.stderr / abs(row.value):.1f} %"
    start = row.value if row.init_value is None else row.init_value
    bounds = (f"{row.min:g}", f"{row.max:g}")
    return [
        row.name,
        f"{row.value:#.5g}",
        error,
        relative,
        f"{start:g}",
        *bounds,
        row.scale,
        row.unit,
    ]


def _correlations(result: "FitResult", min_correl: float) -> str:
    names, table = result.params.free, result.correlations
    pairs = [
        (names[i], names[j], float(table[i, j]))
        for i in range(len(names))
        for j in range(i + 1, len(names))
        if abs(table[i, j]) >= min_correl  # false for NaN
    ]
    if not pairs:
        return ""
    pairs.sort(key=lambda pair: -abs(pair[2]))
    rows = [[first, second, f"{value:+.3f}"] for first, second, value in pairs]
    return f"Correlations (of size {min_correl:g} or more)\n" + _table(None, rows, left={0, 1})


def _notes(result: "FitResult") -> str:
    notes = [
        "std. error: expected Fisher information from exact sensitivities, carried to the "
        "natural scale by the delta method",
        *result.verdicts,
        *_failures(result.failures),
    ]
    return "Notes\n" + "\n".join(f"  * {note}" for note in notes)


def _failures(failures: dict[str, int], shown: int = 4) -> list[str]:
    ranked = Counter(failures).most_common()
    lines = [f"failed evaluation ({count} x): {reason}" for reason, count in ranked[:shown]]
    rest = sum(count for _, count in ranked[shown:])
    return lines + ([f"failed evaluations for other reasons: {rest}"] if rest else [])


def _block(title: str, rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join([title, *(f"  {name:<{width}}  {text}".rstrip() for name, text in rows)])


def _table(header: list[str] | None, rows: list[list[str]], left: set[int]) -> str:
    """Aligned columns; those in `left` to the left. Columns without any entry are dropped."""
    lines = ([header] if header else []) + rows
    used = [k for k in range(len(rows[0])) if any(row[k] for row in rows)]
    widths = {k: max(len(line[k]) for line in lines) for k in used}

    def text(line: list[str]) -> str:
        cells = (
            f"{line[k]:<{widths[k]}}" if k in left else f"{line[k]:>{widths[k]}}" for k in used
        )
        return "  " + "  ".join(cells).rstrip()

    rule = ["  " + "  ".join("-" * widths[k] for k in used)] if header else []
    return "\n".join([*(map(text, lines[:1]) if header else ()), *rule, *map(text, rows)])
