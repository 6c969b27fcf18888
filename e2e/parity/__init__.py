"""The same scenario file in the simulator and on the real control plane, sixty times as fast there."""
