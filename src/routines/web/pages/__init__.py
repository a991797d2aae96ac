"""The pages, one module for each place in the navigation: read what the address and the form say, ask, show.

No rule is decided here, and no word is chosen that a view or a template could choose.
"""
