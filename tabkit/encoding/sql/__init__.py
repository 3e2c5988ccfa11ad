"""Fitted encoders as SQL."""
