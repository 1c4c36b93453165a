"""The operating system: processes, what it tells of them, and how a program is exchanged."""
