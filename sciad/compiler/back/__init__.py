"""From the intermediate representation to machine code: source, cache, tape, Numba."""
