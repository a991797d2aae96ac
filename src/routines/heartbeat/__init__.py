"""Heartbeats: a worker takes up what agents are woken for, starts each agent, watches it and records how it ended.

What is due and what follows is asked of the services; the API and the pages are elsewhere.
"""
