"""The table encoder: a fit in one pass, and what it leaves behind."""
