"""From samples of series to evidence: what a metrics source and its simulation have in common."""
