"""Whether rows are an experiment: arms, balance, overlap, leaks, placebos."""
