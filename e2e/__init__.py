"""A real Kubernetes control plane on one machine, and the tests that run against it."""
