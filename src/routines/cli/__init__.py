"""The command line: verbs that run the service and look after it.

Work is done by what `wiring` builds or over HTTP; a command only reads its arguments and says what happened.
"""
