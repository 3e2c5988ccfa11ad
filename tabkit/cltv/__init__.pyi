from .backtesting.backtest import Backtest, backtest
from .campaigns.daily import Daily, daily
from .campaigns.evaluate import CampaignReport, evaluate_campaigns
from .config import BacktestConfig, CampaignConfig, ForecastConfig, LifetimeConfig
from .forecasting.forecast import Horizon
from .holdout import PeriodSplit, split
from .model import CLTVModel, LifetimeModel, horizon_of, load
from .summary import Summary, summarise
from .training import fit
from .updating import CLTVUpdate, update

__all__ = [
    "Backtest",
    "BacktestConfig",
    "CLTVModel",
    "CLTVUpdate",
    "CampaignConfig",
    "CampaignReport",
    "Daily",
    "ForecastConfig",
    "Horizon",
    "LifetimeConfig",
    "LifetimeModel",
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
    "update",
]
