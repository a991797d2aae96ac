"""Routines as code: files that say which routines there should be, what would have to change, and the change.

It knows the service through the client only, and so may do what its token may; a terminal is the command line's.
"""
