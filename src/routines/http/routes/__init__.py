"""The routes, one file per noun: parse, call the use case, render.

Nothing is decided here.
"""
