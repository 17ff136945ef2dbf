"""Derivatives inside compiled functions: `sciad.grad` and its sisters as part of a program."""
