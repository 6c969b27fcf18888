"""`make image`: the real Dockerfile on a base of Debian packages, built and run without an engine or a registry."""
