"""Forecasts of purchases and spend: draws, their sums, and how they are scored."""
