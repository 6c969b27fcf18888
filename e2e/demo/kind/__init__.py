"""`make demo CLUSTER=kind`: the same story on a kind cluster in Docker. Untested: no Docker engine has run it yet."""
