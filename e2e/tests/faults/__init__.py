"""What breaks around the operator, on one plane for the whole folder; the last file takes the plane's CRDs away."""
