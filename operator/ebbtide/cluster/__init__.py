"""The adapter for Kubernetes: the client, and the reflectors that keep what is there warm."""
