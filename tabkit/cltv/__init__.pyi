from .backtesting.backtest import Backtest, backtest
from .campaigns.daily import Daily, daily
from .campaigns.evaluate import CampaignReport, evaluate_campaigns
from .config import BacktestConfig, CampaignConfig, ForecastConfig, LifetimeConfig
from .forecasting.forecast import Horizon
from .holdout import PeriodSplit, split
from .model import CLTVModel, fit, horizon_of, load
from .summary import Summary, summarise

__all__ = [
    "Backtest",
    "BacktestConfig",
    "CLTVModel",
    "CampaignConfig",
    "CampaignReport",
    "Daily",
    "ForecastConfig",
    "Horizon",
    "LifetimeConfig",
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
