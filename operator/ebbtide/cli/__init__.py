"""`ebbtide` and the kubectl plugin `kubectl ebbtide`."""
