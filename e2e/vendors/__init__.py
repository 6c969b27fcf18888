"""Expositions of each vendor's exporter, written from what is known of it, and the verdicts that they lead to.

The last one is a vendor that nobody has: its profile is a user's. `{mJ at 70 W}` and `{count}` stand for counters.
"""
