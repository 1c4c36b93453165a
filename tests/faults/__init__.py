"""What goes wrong in production, done to real servers, and counted in what clients notice."""
