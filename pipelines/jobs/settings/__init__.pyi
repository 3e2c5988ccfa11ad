from .base import FIRST, FOLLOWS, OUTPUT, SOURCE, UNUSED, Columns, Sources, filled
from .bundles import CompareJob, HistoryJob, InspectJob, ScoreJob
from .cltv import CLTVBacktestJob, CLTVCampaignsJob, CLTVFitJob, CLTVForecastJob
from .propensity import EncodeJob, TrainJob, UpdateJob
from .rules import AblationJob, ExploreJob, RuleScoreJob, RuleSuggestJob
from .uplift import UpliftReportJob, UpliftTrainJob, UpliftUpdateJob

__all__ = [
    "FIRST",
    "FOLLOWS",
    "OUTPUT",
    "SOURCE",
    "UNUSED",
    "AblationJob",
    "CLTVBacktestJob",
    "CLTVCampaignsJob",
    "CLTVFitJob",
    "CLTVForecastJob",
    "Columns",
    "CompareJob",
    "EncodeJob",
    "ExploreJob",
    "HistoryJob",
    "InspectJob",
    "RuleScoreJob",
    "RuleSuggestJob",
    "ScoreJob",
    "Sources",
    "TrainJob",
    "UpdateJob",
    "UpliftReportJob",
    "UpliftTrainJob",
    "UpliftUpdateJob",
    "filled",
]
