"""`--preload`: processes that have loaded the application, and fork workers for the master."""
