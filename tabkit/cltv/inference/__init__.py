"""How models of customers are fitted: Laplace with importance resampling, or NUTS."""
