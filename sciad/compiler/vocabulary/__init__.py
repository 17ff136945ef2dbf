"""What NumPy's functions, indices and whole arrays mean to the front end."""
