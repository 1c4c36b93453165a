"""Measurements for others: statsd."""
