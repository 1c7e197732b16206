"""How fast the engine is, beside the least that the same work can cost. `python -m bench --help`."""
