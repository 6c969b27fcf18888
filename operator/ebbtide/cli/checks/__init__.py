"""What `check` looks at, one file per thing."""
