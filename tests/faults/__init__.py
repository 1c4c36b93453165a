"""What goes wrong in production, done to real servers while somebody counts what clients notice."""
