"""How objects look on a terminal: one file per page."""
