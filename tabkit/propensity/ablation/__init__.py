"""Ablation of rules as features: models with and without them on the same rows."""
