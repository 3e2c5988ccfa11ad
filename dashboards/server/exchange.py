"""Messages between a page and its server: strict JSON objects, and errors in three words."""

from __future__ import annotations

import json
import math
import traceback
from collections.abc import Mapping
from typing import Any, NoReturn

from tabkit.errors import ConfigError, TabkitError


def parsed(body: bytes) -> dict[str, Any]:
    """Read a JSON object, and nothing that a later step would stumble over.

    Parameters
    ----------
    body
        UTF-8.

    Raises
    ------
    ConfigError
        No JSON object; or it nests too deep, holds a number that is not finite, or half a character.

    Examples
    --------
    >>> parsed(b'{"depth": 2}')
    {'depth': 2}
    >>> parsed(b'{"depth": 1e999}')
    Traceback (most recent call last):
        ...
    tabkit.errors.ConfigError: a call must be one JSON object; this one cannot be read: 1e999 is not finite
    To do: send null where there is no number
    """
    try:
        value = json.loads(body.decode(), parse_constant=_not_finite, parse_float=_number)
        json.dumps(value, ensure_ascii=False).encode()  # refuses surrogates without their other half
    except RecursionError:
        raise ConfigError("a call must be one JSON object; this one nests too deep", advice="flatten it") from None
    except UnicodeError:
        raise ConfigError("a call must be UTF-8, with whole characters", advice="encode it as UTF-8") from None
    except _NotFiniteError as error:
        problem = f"a call must be one JSON object; this one cannot be read: {error} is not finite"
        raise ConfigError(problem, advice="send null where there is no number") from None
    except ValueError as error:
        problem = f"a call must be one JSON object; this one cannot be read: {error}"
        raise ConfigError(problem, advice="reload the page: it may be older than the server") from None
    if not isinstance(value, dict):
        raise ConfigError(f"a call must be one JSON object, not {type(value).__name__}", advice='send {"name": value}')
    return value


def dumped(value: Mapping[str, Any]) -> str:
    """Write JSON that every reader takes: numbers that are not finite become null.

    Examples
    --------
    >>> dumped({"gain": float("nan"), "bounds": (float("-inf"), 1.5)})
    '{"gain": null, "bounds": [null, 1.5]}'
    """
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        # Only now: large answers are mostly finite, and walking through them takes longer than writing them.
        return json.dumps(_finite(value), allow_nan=False)


def described(error: BaseException) -> dict[str, str | None]:
    """Describe an error for a page; what nobody foresaw goes to standard error with its traceback.

    Examples
    --------
    >>> described(ConfigError("no such column: 'a'", advice="choose another"))
    {'stage': 'configuration', 'problem': "no such column: 'a'", 'advice': 'choose another'}
    """
    if isinstance(error, TabkitError):
        return {"stage": error.stage, "problem": error.problem, "advice": error.advice}
    traceback.print_exception(error)
    advice = "this is a bug of tabkit: report it, please, with what the terminal shows"
    return {"stage": "fault", "problem": f"{type(error).__name__}: {error}", "advice": advice}


class _NotFiniteError(Exception):
    """A number that JSON does not know, or that is too large for a float."""


def _not_finite(text: str) -> NoReturn:
    raise _NotFiniteError(text)


def _number(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _not_finite(text)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
