"""`licorne migrate`: settings of other servers as a `licorne.toml`.

Each server has a module with its table, one row an option: the setting that takes its place, what
becomes of the value, or the reason why there is none.
"""
