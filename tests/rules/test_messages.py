"""Warnings and log records of differentiated code read as those of the plain program."""

import inspect
import logging
import warnings

import numpy as np
import pytest

import sciad

LOG = logging.getLogger("test_messages")
ADAPTER = logging.LoggerAdapter(LOG, {})


def told(x):
    LOG.warning("no number")
    LOG.info("x = %f, %s", x, np.array([x, 1.0]))
    LOG.log(logging.DEBUG, "%(a).2f", {"a": x})
    ADAPTER.error("%r", [x, (x, 2)])
    logging.critical("%.1f", x)
    return x * x


def helper(x):
    LOG.info("from %s", x, stacklevel=2)
    warnings.warn(f"{x:.1f} is large", RuntimeWarning, stacklevel=2)
    return x * x


def through(x):
    return helper(x) + x


@pytest.mark.parametrize("function", [told, through])
@pytest.mark.filterwarnings("ignore:.*is large")
def test_records_are_those_of_the_plain_program(function, caplog):
    caplog.set_level(logging.DEBUG)
    function(1.5)
    plain = [(r.lineno, r.funcName, r.levelname, r.getMessage()) for r in caplog.records]
    caplog.clear()
    sciad.grad(sciad.grad(function))(1.5)
    assert plain
    assert plain == [(r.lineno, r.funcName, r.levelname, r.getMessage()) for r in caplog.records]


def test_a_warning_names_the_line_of_the_caller():
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        assert sciad.grad(through)(1.5) == 4.0
    line = inspect.getsourcelines(through)[1] + 1
    assert [(w.filename, w.lineno, str(w.message)) for w in found] == [
        (__file__, line, "1.5 is large")
    ]
