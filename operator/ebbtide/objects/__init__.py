"""Kubernetes objects as values and back, and the one writer: what a cluster and its simulation have in common."""
