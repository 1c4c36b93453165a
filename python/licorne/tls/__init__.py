"""TLS without the engine: what the files of the settings hold, and who keeps them up to date."""
