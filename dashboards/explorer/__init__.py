"""Pages in which people see features, brush rules and prove them."""
