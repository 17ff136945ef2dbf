"""Operators of followed code that are calls there: ``@``, ``%`` and the joining of f-strings."""

import operator
from typing import Any

import numpy as np

from sciad.core.apply import apply
from sciad.core.arithmetic import matrix_product
from sciad.core.buffer import constant
from sciad.core.constants import present
from sciad.core.reach import holds_boxes
from sciad.core.rules import BY_CALLABLE, Substitute
from sciad.core.text import WRITTEN, Text, check_read, is_text, keep_text, text_of
from sciad.core.tracer import as_array, is_wrapped, primal_of

__all__ = ["OPERATORS"]


def matmul(left: Any, right: Any) -> Any:
    """``left @ right`` by the rule of ``operator.matmul``, for sparse matrices of SciPy too."""
    found = matrix_product(left, right)
    if found is not None:
        return found
    if is_wrapped(left) or is_wrapped(right):
        x, y = present(left), present(right)
        if type(x) is type(y) is np.ndarray:
            return constant(x @ y)
        rule: Any = BY_CALLABLE.get(operator.matmul)
        if rule is not None:
            found = (
                rule.shortcut(left, right) if type(rule) is Substitute and rule.shortcut else None
            )
            if found is not None:
                return found
            return apply(rule, operator.matmul, (left, right), {})
    kinds = type(left), type(right)
    if np.ndarray in kinds and (list in kinds or tuple in kinds) and holds_boxes((left, right)):
        return matmul(as_array(left), as_array(right))
    return left @ right


def modulo(left: Any, right: Any) -> Any:
    """``left % right``, where it may be a text and what is put into it."""
    if not isinstance(left, str | bytes):
        return left % right
    values = right if type(right) is tuple else right.values() if type(right) is dict else (right,)
    if not holds_boxes(values):
        result = left % right
        return keep_text(result) if WRITTEN.any and is_text((left, *values)) else result
    if type(right) is tuple:
        plain: Any = tuple(_unboxed(v) for v in right)
    else:
        plain = {k: _unboxed(v) for k, v in right.items()} if type(right) is dict else right
    result = left % _unboxed(plain)
    return text_of(result) if isinstance(result, str) else result


def _unboxed(value: Any) -> Any:
    return primal_of(value) if is_wrapped(value) else value


def joined(*parts: str) -> str:
    """Give the text of an f-string."""
    result = "".join(parts)
    return keep_text(result) if any(type(part) is Text for part in parts) else result


def readable(text: Any) -> Any:
    """Text that is about to be evaluated; raises if it was made from a traced value."""
    if WRITTEN.any:
        check_read((text,))
    return text


#: As attributes of the dispatcher.
OPERATORS = {"matmul": matmul, "modulo": modulo, "joined": joined, "readable": readable}
