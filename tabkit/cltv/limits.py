"""Minimum sizes of the cltv room, with their reasons."""

from __future__ import annotations

FEWEST_CAMPAIGN_DAYS = 3
"""Days with users that one campaign needs at least: fewer tell nothing of how a walk moves."""

FEWEST_BACKTEST_DAYS = 30
"""Days before the first origin of a backtest: a month, so that customers had time to buy again."""

FEWEST_DRIFT_USERS = 30
"""Users on each side of a comparison of newer with older ones: of fewer a difference of means says little."""

FEWEST_REPEATS = 100
"""Repeat buyers below which a correlation of purchases and amounts is noise."""

FEWEST_EFFECTIVE = 50
"""Effective draws. Refused below: the error of a mean is 14 % of its standard deviation, and at 3 % of a tail two
draws decide."""

FEWEST_PROPOSALS = 2000
"""Proposals from which Pareto's k is estimated well, however few draws are asked for."""
