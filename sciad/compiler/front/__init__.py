"""From the user's function to the intermediate representation."""
