"""The rules, as plain functions over plain values.

No clock, no randomness, no I/O and no framework lives here; time and ids are arguments.
"""
