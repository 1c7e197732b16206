"""The settings: their model, what each may be, and how they are read from ``config.toml`` and the environment."""
