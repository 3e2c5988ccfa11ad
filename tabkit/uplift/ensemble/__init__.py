"""The cross-fitted ensemble: members that never saw a unit speak about it."""
