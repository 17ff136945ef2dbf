"""The eager core: traced values, call interception, mutation, transformations."""
