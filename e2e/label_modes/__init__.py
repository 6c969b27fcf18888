"""Every way in which dcgm-exporter and a scrape of it may name pods: expositions, and what must come of each.

The unit tests bring them into the simulator's store, e2e/tests/test_metrics_labels.py into a real Prometheus.
"""
