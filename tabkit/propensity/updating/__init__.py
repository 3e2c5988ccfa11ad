"""A model of who acts brought up to date: strategies, tried on the newest rows, and the choice."""
