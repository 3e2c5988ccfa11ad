"""An uplift model judged by units that it never saw."""
