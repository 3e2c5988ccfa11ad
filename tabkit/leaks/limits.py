"""Thresholds for leaks, with their reasons."""

ALONE = 0.98
"""AUC of one column on rows its bins have not seen. The best single columns of public tables without leaks reach .975
(breast cancer, a measurement), a state that mostly lasts (97 % and 95 %) reaches .96. Two standard errors below it."""

FEWEST_RANKED = 50
"""Rows of each class for an AUC of a measurement: a few dozen may well be separated honestly, as irises are."""

TOGETHER = 0.998
"""AUC of a sum or a difference of two columns, unfitted: hundreds of pairs are tried, so that more is asked of each.
Three standard errors below it."""

FEWEST_PAIRED = 100
"""Rows of each class for pairs: two strong honest columns together may divide a few dozen rows."""

SKILL = 0.98
"""Of several classes: the share of the errors of the most frequent class that one column spares. Petal width, the
best column of the irises, spares .94."""

EXPLAINED = 0.99
"""R squared of one column for the ranks of a number; `train` asks about its model from the same value on."""

IDENTITY = 0.9999
"""R squared of a few columns together for a number: an account that adds up, not a forecast."""

PURE = 0.99
"""Share of a class among the rows of one level; a few wrong entries do not excuse a status."""

ODDS = 50.0
"""How many times the odds everywhere the odds inside of a level surely are: strong honest effects are tens."""

NEEDED = 0.9
"""AUC of a level without which a class does not occur: far less is true of whoever lacks a phone or a card."""

MISSED, SURELY_MISSED = 0.01, 0.05
"""Share of a class that may occur outside of a level that it needs: what is seen, and the end of its interval."""

CHANCE = 1e-4
"""Of the intervals of shares: thousands of levels may be looked at."""

FEWEST = 30
"""Rows of a level, and of each class: with fewer nothing is said."""

FEW_VALUES = 20
"""A column of more values is a measurement."""

MOST_ROWS = 30_000
"""Rows that are looked at, drawn by chance: leaks are not subtle."""

MOST_LEVELS = 50
"""Levels of text up to which it is looked at as levels alone; of more, its order, end, length and number are too."""

MOST_COLUMNS = 30
"""Columns whose pairs are tried."""

MOST_SUMMED = 200
"""Columns that an identity is looked for in."""

MOST_TERMS = 6
"""Terms of an identity: of more nobody could say what they mean."""

FEWEST_COPIES = 10
"""Copies below which they are no fault of the data that is worth a warning."""
