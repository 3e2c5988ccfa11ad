"""What the users of each campaign are worth."""
