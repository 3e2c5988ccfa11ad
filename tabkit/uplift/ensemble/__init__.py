"""The cross-fitted ensemble: units are predicted by members that did not see them."""
