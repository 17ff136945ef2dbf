"""Small measured series for examples and tests."""

from sciad.datasets.lynxhare import LynxHare, lynx_hare

__all__ = ["LynxHare", "lynx_hare"]
