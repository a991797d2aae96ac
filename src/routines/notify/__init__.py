"""Sending notifications: what is in the outbox goes to webhooks, Slack and mailboxes.

What is to be told is written where it happens, not here.
"""
