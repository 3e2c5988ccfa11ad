"""The search through combinations of conditions, and what becomes of the rules that it meets."""
