"""What customers will buy and spend: draws, their sums, and how such forecasts turned out."""
