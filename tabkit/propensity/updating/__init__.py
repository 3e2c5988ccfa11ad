"""Updates of a propensity model: strategies tried on the newest rows, and the choice among them."""
