"""What holds the project together: the map, the floors, the border between Python and Rust."""
