from .base import FIRST, OUTPUT, SOURCE, Sources, filled
from .bundles import CompareJob, HistoryJob, InspectJob, ScoreJob
from .cltv import CLTVBacktestJob, CLTVCampaignsJob, CLTVFitJob, CLTVForecastJob
from .propensity import EncodeJob, TrainJob, UpdateJob
from .rules import AblationJob, ExploreJob, RuleScoreJob, RuleSuggestJob
from .uplift import UpliftReportJob, UpliftTrainJob, UpliftUpdateJob

__all__ = [
    "FIRST",
    "OUTPUT",
    "SOURCE",
    "AblationJob",
    "CLTVBacktestJob",
    "CLTVCampaignsJob",
    "CLTVFitJob",
    "CLTVForecastJob",
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
