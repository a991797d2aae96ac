"""The figures that the service is held to, measured: `python -m benchmarks`, or `make bench`.

Nothing here is asserted and nothing in the service depends on it.
"""
