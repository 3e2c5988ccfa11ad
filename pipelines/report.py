"""Pages about fitted models: `dashboards.reports`, for scripts."""

from dashboards.reports.propensity import ReportError, build_report, write

__all__ = ["ReportError", "build_report", "write"]
