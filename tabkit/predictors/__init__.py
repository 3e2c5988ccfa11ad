"""Predictors: an encoder and a learner that belong together."""
