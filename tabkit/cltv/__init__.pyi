from .backtesting.backtest import Backtest, backtest
from .campaigns.daily import Daily, daily
from .campaigns.evaluate import CampaignReport, evaluate_campaigns
from .forecasting.forecast import Horizon
from .holdout import PeriodSplit, split
from .model import CLTVModel, fit, horizon_of, load
from .summary import Summary, summarise

__all__ = [
    "Backtest",
    "CLTVModel",
    "CampaignReport",
    "Daily",
    "Horizon",
    "PeriodSplit",
    "Summary",
    "backtest",
    "daily",
    "evaluate_campaigns",
    "fit",
    "horizon_of",
    "load",
    "split",
    "summarise",
]
