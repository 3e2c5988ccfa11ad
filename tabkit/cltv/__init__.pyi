from .backtesting.backtest import Backtest, backtest
from .campaigns.daily import Daily, daily
from .campaigns.evaluate import Campaigns, evaluate_campaigns
from .forecasting.forecast import Horizon
from .holdout import Holdout, split
from .model import CLTVModel, fit, horizon_of, load
from .summary import Summary, summarise

__all__ = [
    "Backtest",
    "CLTVModel",
    "Campaigns",
    "Daily",
    "Holdout",
    "Horizon",
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
