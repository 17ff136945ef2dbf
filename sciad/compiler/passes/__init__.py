"""Programs to programs: simplification, derivatives, what to store and what to compute again."""
