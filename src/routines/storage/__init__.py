"""Where everything is kept: tables, transactions and one named function per question.

What differs between databases is in a package each; no rule of the service is decided here.
"""
