"""A stand-in for dcgm-exporter on simulated nodes: the same text, driven by pod annotations or recorded traces."""
