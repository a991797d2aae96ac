"""Writes the Python client's models and calls from the service's OpenAPI document.

What is the same for every call stands in `routines.client` and is not written from here.
"""
