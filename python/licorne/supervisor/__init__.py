"""The master's decisions, without its hands: facts in, actions out.

Nothing in this package forks, signals, sleeps, logs or reads a clock; `arbiter` does.
"""
