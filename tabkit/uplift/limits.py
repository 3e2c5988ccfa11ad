"""Thresholds and minimum sizes of the uplift room, with their reasons."""

from __future__ import annotations

UNLIKELY = 0.001
"""Below this p chance is no explanation; Fabijan et al. (2019) advise so strict a level for arms' sizes."""
LITTLE = 0.1
"""Standard deviations below which arms are alike (Austin 2009)."""
MUCH = 0.25
"""Standard deviations from which no adjustment by a model repairs what arms lack (Rubin 2001; Stuart 2010)."""
DRIFT = 3.0
"""Standard errors between the effects of two parts, beyond which nobody calls them alike."""
TRIMMED = 0.1
"""Share of the units from which leaving them out makes the effects those of a selection."""
MOST_TRIMMED = 0.5
"""From here on fewer are kept than left out: the effects are not those of the table that was asked about."""
NOTED_R2 = 0.8
"""What features tell of an amount before it is noted: errors are halved. Last year's spend may do so."""
STRONG_R2, STRONG_AUC = 0.95, 0.93
"""What features tell before one asks whether all were known: few amounts are told to a twentieth of their variance; an
AUC of .93 is that of a score that explains four fifths of what lies behind a yes or no."""
EXACT_R2, EXACT_AUC = 0.9999, 0.995
"""Nobody's behaviour is told so well before it happens."""
TOGETHER = 0.5
"""Agreement of arms within groups, from -1 to 1, that no draw unit by unit explains but one by group does."""
TOGETHER_Z = 6.0
"""Standard errors of that agreement: many groupings are looked at, so that chance must be out of the question."""

FEWEST_UNITS = 50
"""Units that an arm needs: fewer can be neither learned from nor measured on."""

FEWEST_FOLD_CLUSTERS = 2
"""Clusters for each fold of each member: the errors of a fold that is one cluster are of that cluster alone."""

FEWEST_STOPPING_ROWS = 20
"""Rows of an early-stopping part; with fewer, no trees are grown at all."""
