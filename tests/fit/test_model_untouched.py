"""The user's model is plain Python: it is not changed, and its module needs no sciad."""

import ast
import subprocess
import sys
from pathlib import Path

from sciad.fit import fit

EXAMPLE = Path(__file__).parents[2] / "examples" / "fit_lynx_hare.py"

AS_A_SCIENTIST_WRITES_IT = """
def lotka_volterra(t, y, p):
    hare, lynx = y
    return [p["alpha"] * hare - p["beta"] * hare * lynx,
            -p["gamma"] * lynx + p["delta"] * hare * lynx]
"""


def example_model():
    tree = ast.parse(EXAMPLE.read_text(encoding="utf-8"))
    (model,) = [n for n in tree.body if getattr(n, "name", None) == "lotka_volterra"]
    return model


def test_the_example_has_the_model_as_a_scientist_writes_it():
    (wanted,) = ast.parse(AS_A_SCIENTIST_WRITES_IT).body
    assert ast.dump(example_model()) == ast.dump(wanted)


def test_the_model_runs_where_sciad_cannot_be_imported(tmp_path):
    module = tmp_path / "plain_model.py"
    module.write_text(ast.unparse(example_model()), encoding="utf-8")
    code = (
        "import sys; sys.modules['sciad'] = None; sys.path.insert(0, sys.argv[1])\n"
        "from plain_model import lotka_volterra\n"
        "p = dict(alpha=0.5, beta=0.25, gamma=1.0, delta=0.125)\n"
        "assert lotka_volterra(0.0, [4.0, 2.0], p) == [0.0, -1.0]\n"
        "assert not [name for name in sys.modules if name.startswith(('sciad.', 'numba'))]\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def lotka_volterra(t, y, p):
    hare, lynx = y
    return [
        p["alpha"] * hare - p["beta"] * hare * lynx,
        -p["gamma"] * lynx + p["delta"] * hare * lynx,
    ]


def test_a_fit_leaves_the_function_as_it_was(prey_case):
    p = {"alpha": 0.5, "beta": 0.25, "gamma": 1.0, "delta": 0.125}
    code, attributes = lotka_volterra.__code__, dict(vars(lotka_volterra))
    names = set(globals())
    fit(**(prey_case.arguments | {"model": lotka_volterra}), max_nfev=3)
    assert lotka_volterra.__code__ is code
    assert vars(lotka_volterra) == attributes
    assert set(globals()) == names
    after = lotka_volterra(0.0, [4.0, 2.0], p)
    assert after == [0.0, -1.0]
    assert [type(entry) for entry in after] == [float, float]
