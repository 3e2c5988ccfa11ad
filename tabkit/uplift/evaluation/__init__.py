"""Evaluation of an uplift model on held-out units."""
