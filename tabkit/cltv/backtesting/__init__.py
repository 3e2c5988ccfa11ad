"""Forecasts made again at earlier days, and compared with what came."""
