"""A table becomes features as a model must be trained on them: out of fold, in time, by arm, beside its roles."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import tabkit
from tabkit.encoding import TableEncoder
from tabkit.errors import ConfigError
from tabkit.predictors import EncodeConfig, encode
from tabkit.roles import Roles


def test_training_rows_are_encoded_out_of_fold_beside_their_roles(customers: pl.DataFrame) -> None:
    roles = Roles(id="customer", target="churned")
    encoded = encode(customers, roles=roles)
    expected = TableEncoder().fit_transform(customers, target="churned", exclude=["customer"])
    assert encoded.frame.columns[:2] == ["customer", "churned"]
    assert_frame_equal(encoded.frame.drop("customer", "churned"), expected.features)


def test_time_groups_and_arms_are_heard(customers: pl.DataFrame) -> None:
    is_even = pl.int_range(pl.len()) % 2 == 0
    table = customers.with_columns(arm=pl.when(is_even).then(pl.lit("mail")).otherwise(pl.lit("none")))
    roles = Roles(id="customer", target="churned", time="seen_at", treatment="arm")
    found = encode(table, roles=roles)
    assert {"city by churned | mail", "city by churned | none"} <= set(found.encoder.outputs)
    oldest = found.frame.sort("seen_at").head(100)
    assert oldest["city by churned | mail"].null_count() == 100


def test_a_column_with_a_role_that_is_called_like_a_feature_is_refused(customers: pl.DataFrame) -> None:
    table = customers.rename({"churned": "city by target"})
    with pytest.raises(ConfigError, match=r"called like.*role"):
        encode(table, roles=Roles(id="customer", target="city by target"), config=EncodeConfig())


def test_a_settings_file_of_the_command_serves_a_script_too(customers: pl.DataFrame) -> None:
    settings = {"seed": 3, "save": "encoder", "output": "e.parquet", "roles": {"id": "customer"}}
    encoded = tabkit.predictors.encode(customers, roles={"id": "customer", "target": "churned"}, config=settings)
    told = encoded.to_dict()
    assert (told["rows"], told["out_of_fold"]) == (customers.height, True)
    assert told["features"] == encoded.frame.width - 2 == len(encoded.encoder.outputs)
    with pytest.raises(ConfigError, match="sead"):
        encode(customers, roles={"target": "churned"}, config={"sead": 3})
