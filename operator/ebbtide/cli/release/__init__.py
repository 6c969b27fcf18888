"""`release`: everything that Ebbtide stopped or holds runs again, with or without an operator."""
