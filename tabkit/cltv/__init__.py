"""What each customer will bring."""
