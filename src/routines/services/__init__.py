"""The use cases, one file per noun: each checks access, does its work in one transaction and leaves an activity entry.

HTTP is not spoken here; who may do what is `core.access`, and every fire goes through `dispatch`.
"""
