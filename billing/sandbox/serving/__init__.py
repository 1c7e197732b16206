"""How requests reach the sandbox."""
