"""What is decided: verdicts, policies, limits, prices, status. No I/O, no clock, no framework."""
