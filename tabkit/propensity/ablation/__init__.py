"""What rules add as features: models with and without them on the same rows."""
