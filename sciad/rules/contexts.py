"""``contextlib.suppress`` in followed code: it takes errors of sciad's only if it names them."""

import contextlib

from sciad.core.classes import stand_in
from sciad.core.swallowed import caught

__all__: list[str] = []


@stand_in(vars(contextlib.suppress)["__exit__"])
def leave(own, context, kind, error, trace):
    """``suppress(...).__exit__``, which sees what an ``except`` clause at its place would."""
    named = caught(context._exceptions)
    if named is context._exceptions:
        return own(context, kind, error, trace)
    return kind is not None and issubclass(kind, named)
