"""The models of customers: a literal registry."""

from tabkit.cltv.models.bg_bb import BGBB, SBG
from tabkit.cltv.models.bg_nbd import BGNBD, MBGNBD
from tabkit.cltv.models.model import Model, Parameter
from tabkit.cltv.models.pareto_nbd import PARETONBD

MODELS: dict[str, Model] = {model.name: model for model in (BGNBD, MBGNBD, PARETONBD, BGBB, SBG)}

__all__ = ["MODELS", "Model", "Parameter"]
