"""Settings: frozen models, filled from a TOML file, `key=value` overrides and arguments."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tabkit.errors import ConfigError
from tabkit.untrusted import toml

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
    from pydantic.fields import FieldInfo
else:  # at run time without its private name
    ModelMetaclass = type(BaseModel)


class _Refusing(ModelMetaclass):
    """Makes the constructor raise a `ConfigError`, once for the whole of nested settings."""

    def __call__(self, /, *args: Any, **values: Any) -> Any:
        try:
            return super().__call__(*args, **values)
        except ValidationError as error:
            raise _refusal(cast("type[BaseModel]", self), values, error) from error


class Config(BaseModel, metaclass=_Refusing):
    """Base of every settings model: frozen, and an unknown key is an error.

    A number stands for text where text is expected (``positive = 1`` names the label ``"1"``).

    Examples
    --------
    >>> class Fit(Config):
    ...     rate: float = 0.1
    >>> Fit(rate=0.3).rate
    0.3
    >>> Fit(rat=0.3)
    Traceback (most recent call last):
    tabkit.errors.ConfigError: settings: unknown setting 'rat' (did you mean 'rate'?)
    To do: see the README for every setting
    """

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


C = TypeVar("C", bound=Config)
ObjectiveName = Literal["binary", "multiclass", "regression", "poisson", "gamma", "tweedie", "quantile"]
"""What may be minimised, in the settings of every learner; `tabkit.objective` knows what each means."""
# A file of something else may have a hundred thousand keys, of which each costs a search for what was meant.
_MOST_LOOKED_AT = 20
_REQUIRED = "required"
_OF_JOBS = {"bundle", "source", "output", "roles", "reference", "volume", "curve", "report", "save", "encoder"}
"""Settings of jobs that a function takes as arguments of its own, or leaves to its caller."""
_NOTHING_GIVEN = {"extra_forbidden", "missing"}


def build(model: type[C], values: Mapping[str, Any]) -> C:
    """Validate `values` as a `model`; all that is wrong comes in one `ConfigError`.

    >>> class Fit(Config):
    ...     rate: float = 0.1
    >>> build(Fit, {"rate": "0.3"})
    Fit(rate=0.3)
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _refusal(model, values, error) from error


def settings_of(model: type[C], config: C | Mapping[str, Any] | None) -> C:
    """Return settings as they are, or validate a mapping; what a file says of a job beside them is passed over.

    >>> class Fit(Config):
    ...     rate: float = 0.1
    >>> settings_of(Fit, {"rate": 0.3, "source": "rows.parquet"})
    Fit(rate=0.3)
    """
    if isinstance(config, model):
        return config
    values: Any = config or {}
    if isinstance(values, Mapping):
        values = {key: value for key, value in values.items() if key in model.model_fields or key not in _OF_JOBS}
    return build(model, values)


def required(how: str) -> Any:
    """Return the default of a setting that no job can do without; `complete` refuses settings that lack it.

    Parameters
    ----------
    how
        How it is given on the command line, as in "with -o".
    """
    return Field(default=None, json_schema_extra={_REQUIRED: how})


def how_required(field: FieldInfo) -> str | None:
    """Return how a setting is given that cannot be missing; None of one that can."""
    extra = field.json_schema_extra
    return str(extra[_REQUIRED]) if isinstance(extra, dict) and _REQUIRED in extra else None


def complete(config: C) -> C:
    """Return settings once all that are required are there; `ConfigError` that says how to give what is missing.

    >>> class Copy(Config):
    ...     source: str = required("as an argument")
    >>> complete(Copy(source="rows.csv")).source
    'rows.csv'
    >>> complete(Copy())
    Traceback (most recent call last):
    tabkit.errors.ConfigError: no source is given
    To do: give it as an argument, or as source in the settings file
    """
    for name, field in type(config).model_fields.items():
        how = how_required(field)
        if how is not None and not getattr(config, name):
            raise missing(name, how)
    return config


def missing(name: str, how: str) -> ConfigError:
    """Return the error of a setting that is missing, and is given on the command line as `how` says."""
    return ConfigError(f"no {name} is given", advice=f"give it {how}, or as {name} in the settings file")


def read(path: str | Path) -> dict[str, Any]:
    """Read a TOML file into nested dictionaries; `ConfigError` if it is missing, not TOML, too large or too deep."""
    return toml.read(
        path, what="settings file", kind=ConfigError, advice="check that line; text stands in quotes there"
    )


def override(values: Mapping[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """Return `values` with ``key.inner=value`` assignments applied; values are read as TOML, else as text.

    >>> override({"boosting": {"seed": 1}}, ["boosting.seed=7", "boosting.objective=poisson"])
    {'boosting': {'seed': 7, 'objective': 'poisson'}}
    """
    result: dict[str, Any] = dict(values)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        parts = [part.strip() for part in key.split(".")]
        if not equals or not all(parts) or len(parts) > toml.DEEPEST:
            raise ConfigError(
                f"{_short(assignment)} is not an assignment",
                advice="write key=value, such as boosting.num_leaves=63",
            )
        result = _set(result, parts, toml.value(text))
    return result


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested dictionaries; later layers win, key by key. An empty dictionary says nothing.

    Raises
    ------
    ConfigError
        If one layer has settings inside a key where an earlier one has a single value.

    Examples
    --------
    >>> merge({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}})
    {'a': {'x': 1, 'y': 3}}
    """
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            if not isinstance(value, Mapping):
                result[key] = value
            elif value or key not in result:
                result[key] = merge(_inner(result, key, value), value)
    return result


def _set(values: Mapping[str, Any], keys: list[str], value: Any) -> dict[str, Any]:
    first, *rest = keys
    return {**values, first: _set(_inner(values, first, rest), rest, value) if rest else value}


def _inner(values: Mapping[str, Any], key: str, wanted: Iterable[str]) -> Mapping[str, Any]:
    """Return the settings inside `key`, none if it is not there; refuse a key that is a single value."""
    inner = values.get(key, {})
    if not isinstance(inner, Mapping):
        raise ConfigError(
            f"setting {key!r} is the single value {inner!r}; it cannot have {next(iter(wanted))!r} inside",
            advice=f"remove {key} = {inner!r}, or the settings inside it",
        )
    return inner


def _refusal(model: type[BaseModel], values: Any, error: ValidationError) -> ConfigError:
    said: dict[str, list[str]] = {}
    got: dict[str, str] = {}
    for detail in error.errors(include_url=False)[:_MOST_LOOKED_AT]:
        where, problem = _problem(model, values, detail)
        said.setdefault(where, []).append(problem)
        got.setdefault(where, "" if detail["type"] in _NOTHING_GIVEN else f" (got {_short(detail['input'])})")
    # The members of a union each have their say about one value.
    lines = [where + " or ".join(dict.fromkeys(problems)) + got[where] for where, problems in said.items()]
    if error.error_count() > _MOST_LOOKED_AT:
        lines.append(f"and more ({error.error_count():,} problems in all)")
    return ConfigError("settings: " + "; ".join(lines), advice="see the README for every setting")


def _problem(model: type[BaseModel], values: Any, detail: Any) -> tuple[str, str]:
    """Return where a setting is wrong and what is wrong with it."""
    loc = detail["loc"]
    if detail["type"] == "extra_forbidden":
        known = _known_keys(model, loc[:-1])
        close = difflib.get_close_matches(str(loc[-1]), known, n=1)
        listed = f"known: {', '.join(known)}" if known else "there are none here"
        return f"unknown setting {_dotted(loc)!r} ", f"({f'did you mean {close[0]!r}?' if close else listed})"
    if detail["type"] == "missing":
        return f"{_dotted(loc)}: ", "a value is needed"
    message = detail["msg"].removeprefix("Value error, ") + _meant(detail)
    return f"{_dotted(_given_part(values, loc)) or 'all of it'}: ", message[:1].lower() + message[1:]


def _meant(detail: Any) -> str:
    """Return which of the allowed words was meant, if one is close."""
    if detail["type"] != "literal_error" or not isinstance(detail["input"], str):
        return ""
    close = difflib.get_close_matches(detail["input"], re.findall(r"'([^']*)'", detail["ctx"]["expected"]), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _dotted(loc: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in loc)


def _given_part(values: Any, loc: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return as much of `loc` as leads through what was given: pydantic adds the members of unions."""
    for depth, part in enumerate(loc):
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return loc[:depth]
    return loc


def _known_keys(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    for part in path:
        field = model.model_fields.get(str(part))
        members = () if field is None else (field.annotation, *get_args(field.annotation))
        models = [m for m in members if isinstance(m, type) and issubclass(m, BaseModel)]
        if not models:
            return []
        model = models[0]
    return sorted(model.model_fields)
