"""Learners of effects."""
