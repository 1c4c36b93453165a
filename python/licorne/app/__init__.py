"""Applications: what a command serves, and how it is configured."""
