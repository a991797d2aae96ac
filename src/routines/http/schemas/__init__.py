"""What the wire looks like: a pydantic model for each body, query and reply, one file per noun.

Requests turn into the services' commands here; what a command does is the services'.
"""
