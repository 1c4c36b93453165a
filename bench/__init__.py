"""Benchmarks: the same applications under licorne and its peers, one worker on one core."""
