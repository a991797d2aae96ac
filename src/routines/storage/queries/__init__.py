"""Questions and changes in SQLAlchemy Core, one file per noun and one named function each, alike in every database.

No permission is checked and nothing is decided here.
"""
