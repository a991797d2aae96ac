"""The wire: requests parsed, use cases called, results rendered, errors mapped.

No rule of the service is decided here; what the wire looks like is in `schemas`.
"""
