"""The board's pages: plain HTML made on the server, nothing loaded from elsewhere.

What they show comes from the services, with the caller's own permissions.
"""
