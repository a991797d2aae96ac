"""PostgreSQL as a database of the service: what only it does, and nothing that is the same in every database.

Any number of servers work on one; rows are locked, and what one server did wakes the others.
"""
