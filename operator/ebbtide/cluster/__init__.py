"""The adapter for Kubernetes: warm stores of what is there, and one executor that writes."""
