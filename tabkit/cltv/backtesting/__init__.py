"""Backtests: forecasts from earlier days, compared with what happened."""
