"""Settings: frozen models, filled from a TOML file, `key=value` overrides and arguments."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from tabkit.errors import ConfigError


class Config(BaseModel):
    """Base of every settings model: frozen, and an unknown key is an error.

    Examples
    --------
    >>> class Fit(Config):
    ...     rate: float = 0.1
    >>> build(Fit, {"rate": 0.3}).rate
    0.3
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


C = TypeVar("C", bound=Config)


def build(model: type[C], values: Mapping[str, Any]) -> C:
    """Validate `values` as a `model`; all that is wrong comes in one `ConfigError`."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = [_line(model, detail) for detail in error.errors(include_url=False)]
        raise ConfigError("settings: " + "; ".join(lines), advice="see the README for every setting") from error


def read(path: str | Path) -> dict[str, Any]:
    """Read a TOML file into nested dictionaries; `ConfigError` if it is missing or not TOML."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"settings file {str(path)!r} cannot be read: {error}", advice="check the path and the TOML"
        ) from error


def override(values: Mapping[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """Return `values` with ``key.inner=value`` assignments applied; values are read as TOML, else as text.

    >>> override({"boosting": {"seed": 1}}, ["boosting.seed=7", "boosting.objective=poisson"])
    {'boosting': {'seed': 7, 'objective': 'poisson'}}
    """
    result: dict[str, Any] = dict(values)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not all(part.strip() for part in key.split(".")):
            raise ConfigError(
                f"{assignment!r} is not an assignment",
                advice="write key=value, such as boosting.num_leaves=63",
            )
        result = _set(result, [part.strip() for part in key.split(".")], parse(text))
    return result


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested dictionaries; later layers win, key by key.

    >>> merge({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}})
    {'a': {'x': 1, 'y': 3}}
    """
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
            result[key] = merge(result[key], value) if both else value
    return result


def parse(text: str) -> Any:
    """Read `text` as a TOML value, or keep it as text.

    >>> parse("0.5"), parse("true"), parse("poisson"), parse('{distance = 1}')
    (0.5, True, 'poisson', {'distance': 1})
    """
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()


def _set(values: Mapping[str, Any], keys: list[str], value: Any) -> dict[str, Any]:
    inner = values.get(keys[0], {})
    if len(keys) > 1 and not isinstance(inner, Mapping):
        raise ConfigError(f"setting {keys[0]!r} is a value, it has no {'.'.join(keys[1:])!r} inside")
    return {**values, keys[0]: value if len(keys) == 1 else _set(inner, keys[1:], value)}


def _line(model: type[Config], detail: Any) -> str:
    where = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        known = _known_keys(model, detail["loc"][:-1])
        close = difflib.get_close_matches(str(detail["loc"][-1]), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
        return f"unknown setting {where!r} ({hint})"
    return f"{where}: {detail['msg'].lower()} (got {detail['input']!r})"


def _known_keys(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    for part in path:
        inner = model.model_fields.get(str(part))
        if inner is None or not (isinstance(inner.annotation, type) and issubclass(inner.annotation, BaseModel)):
            return []
        model = inner.annotation
    return sorted(model.model_fields)
