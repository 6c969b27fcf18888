"""Samples in, evidence out, whatever store they come from. Vendor exporters as data; it decides nothing."""
