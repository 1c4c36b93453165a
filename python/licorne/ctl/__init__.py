"""The control socket: a running server is asked and told things, mostly by `licornectl`."""
