"""Whom contact changes: experiments, effects, learners, honest metrics, policies."""
