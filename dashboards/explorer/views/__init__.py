"""Views of each kind of table or model, for the explorer."""
