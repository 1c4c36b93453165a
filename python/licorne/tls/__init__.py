"""TLS in the master: what the files of the settings hold, and what is done when they change."""
