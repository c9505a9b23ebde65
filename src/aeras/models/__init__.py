"""Model files and their list, ``models.toml``. Read through `aeras.perceive.registry`."""
