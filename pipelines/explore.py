"""Pages to explore features, scores, effects and values: `dashboards.explorer`, for scripts."""

from dashboards.explorer.views.choice import view_for
from dashboards.explorer.writing import serve, write
from pipelines.jobs.settings import ExploreJob as ExploreConfig

__all__ = ["ExploreConfig", "serve", "view_for", "write"]
