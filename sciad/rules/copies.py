"""``copy.deepcopy``: the copies of arrays can be written, wherever they stand in what is copied."""

import copy
from typing import Any

import numpy as np

from sciad.core.adoption import adopt_parts
from sciad.core.buffer import constant
from sciad.core.classes import meet_objects
from sciad.core.rules import substitute

__all__: list[str] = []


@substitute("copy.deepcopy", always=True)
def deepcopy(x: Any, memo: Any = None, **options: Any) -> Any:
    """``copy.deepcopy``."""
    meet_objects((x,))  # some copy themselves
    made = copy.deepcopy(x, memo, **options)
    if made is x or memo is not None:  # the memo holds what was made
        return made
    return constant(made) if type(made) is np.ndarray else adopt_parts(made)
