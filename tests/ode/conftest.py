"""Tests of interrupts hold wherever they run, also in the background of a shell."""

import signal

import pytest


@pytest.fixture(autouse=True)
def interruptible():
    """Let SIGINT raise: a process that a script starts with `&` ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
