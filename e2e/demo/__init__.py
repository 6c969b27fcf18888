"""`make demo`: a GPU that nobody uses is released, safely, and a person can see why."""
