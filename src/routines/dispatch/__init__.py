"""From a cause to a run: the one door through which every fire goes, and what brings fires to it.

No permission is checked and no HTTP is spoken here.
"""
