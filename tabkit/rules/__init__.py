"""Rules found in data and proved on rows that nobody has looked at."""
