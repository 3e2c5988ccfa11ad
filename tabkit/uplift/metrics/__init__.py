"""Metrics of rankings by effect, with intervals."""
