"""Which view a source asks for."""

from __future__ import annotations

from dashboards.explorer.settings import ExploreConfig
from dashboards.explorer.view import View
from dashboards.explorer.views.effects import found_in as effects_in
from dashboards.explorer.views.effects import uplift_view
from dashboards.explorer.views.features import features
from dashboards.explorer.views.forecasts import values_view
from dashboards.explorer.views.scores import found_in as scores_in
from dashboards.explorer.views.scores import scores_view
from dashboards.explorer.views.tables import bundles, columns_of
from dashboards.explorer.views.updates import runs_view
from tabkit.progress import Progress

_PREDICTED = {"score": scores_view, "uplift": uplift_view, "cltv": values_view}


def view_for(config: ExploreConfig, *, progress: Progress) -> View:
    """Return the view that a source asks for: of updates, scores, effects, values, or features by a target."""
    folders = bundles(config)
    if folders:
        return runs_view(config, folders, progress=progress)
    target, columns = config.roles.get("target"), columns_of(config)
    if target in _PREDICTED and target not in columns:
        return _PREDICTED[target](config, progress=progress)
    if target is not None and scores_in(columns) is not None:
        return scores_view(config, progress=progress)
    if target is not None and "treatment" in config.roles and effects_in(list(columns)) is not None:
        return uplift_view(config, progress=progress)
    return features(config, progress=progress)
