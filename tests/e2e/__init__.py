"""Scenarios over real sockets: real clients against real licorne processes."""
