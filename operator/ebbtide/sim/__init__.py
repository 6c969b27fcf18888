"""The adapter for a simulated world: what a scenario file describes, under the engine of the operator."""
