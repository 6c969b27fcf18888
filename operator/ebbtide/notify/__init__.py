"""Telling people by webhook, Slack or mail. Receivers come from a mounted file; the cluster is not known here."""
