"""Who will act."""
