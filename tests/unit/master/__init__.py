"""The parts of the master, one by one."""
