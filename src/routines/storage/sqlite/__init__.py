"""The embedded database: everything that is particular to SQLite.

Tables and questions that read alike in every database are one level up.
"""
