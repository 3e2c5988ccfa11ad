"""The models of customers: a literal registry."""

from tabkit.cltv.models.discrete import BGBB, SBG
from tabkit.cltv.models.dropout import BGNBD, MBGNBD
from tabkit.cltv.models.lifetime import PARETONBD
from tabkit.cltv.models.model import Model, Parameter

MODELS: dict[str, Model] = {model.name: model for model in (BGNBD, MBGNBD, PARETONBD, BGBB, SBG)}

__all__ = ["MODELS", "Model", "Parameter"]
