"""Recurring work for AI agents: never loses or doubles a slot, and says why anything did not run.

Packages from the inside out: core, storage, dispatch, services, then http and web; cli starts them.
"""
