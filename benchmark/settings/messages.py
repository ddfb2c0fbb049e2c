"""Turn a settings error into a message: the full key, what is wrong, the nearest valid key."""

import math
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from longibench.benchmark.core.errors import UserError, shortened

RENAMED = {
    "training.explosion": "training.divergence_factor",
    "device.recompute": "device.activation_checkpointing",
}

UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")  # a tab may be


def explain(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """Describe every problem that validation found.

    Args:
        error: What pydantic raised.
        model: The model that was validated.
        where: Path of the model inside the whole settings, such as ``"methods.ours"``.

    Returns:
        One line, problems apart by "; ".
    """
    lines = []
    for problem in error.errors():
        path = [str(part) for part in problem["loc"]]
        key = ".".join([where, *path] if where else path)
        if (old := ".".join(key.split(".")[-2:])) in RENAMED:
            lines.append(f"setting '{key}' is now called '{RENAMED[old]}'")
        elif problem["type"] == "extra_forbidden":
            lines.append(f"unknown setting '{key}'.{_hint(model, path)}")
        elif problem["type"] in ("model_type", "dict_type"):
            lines.append(
                f"setting '{key}': keys and values are needed (got {_shown(problem['input'])})"
            )
        elif problem["type"] == "missing":
            lines.append(f"setting '{key}' is missing")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            got = _shown(problem["input"])
            lines.append(f"setting '{key or model.__name__}': {message} (got {got})")
    return "; ".join(dict.fromkeys(lines))


def _hint(model: type[BaseModel], path: list[str]) -> str:
    known = _fields(model, path[:-1])
    nearest = get_close_matches(path[-1], known, n=1, cutoff=0.5)
    suggestion = f" Did you mean '{nearest[0]}'?" if nearest else ""
    return f"{suggestion} Available: {', '.join(sorted(known))}"


def _fields(model: type[BaseModel], path: list[str]) -> list[str]:
    for part in path:
        field = model.model_fields.get(part)  # none for a key inside a mapping of models
        model = (field and _model_in(field.annotation)) or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    candidates = [annotation, *get_args(annotation)]
    found = (c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return next(found, None)


def validate(model: type[BaseModel], values: dict[str, Any], where: str) -> Any:
    """Build a settings object, or report what is wrong under which full key.

    Raises:
        UserError: An unknown key (with the nearest valid one) or a wrong value.
    """
    try:
        found = model.model_validate(values)
    except ValidationError as error:
        raise UserError(explain(error, model, where)) from error
    wrong = list(_converted(values, found, where))
    if wrong:
        raise UserError("; ".join(wrong))
    return found


def _converted(given: Any, found: Any, key: str) -> Iterator[str]:
    """What pydantic accepts, and no setting may be: true as 1, infinity, control characters."""
    if isinstance(given, Mapping):
        for name, value in given.items():
            yield from _converted(value, _member(found, name), f"{key}.{name}" if key else name)
    elif isinstance(given, list | tuple) and isinstance(found, list | tuple):
        for place, (value, its) in enumerate(zip(given, found, strict=False)):
            yield from _converted(value, its, f"{key}.{place}")
    elif isinstance(given, bool) and isinstance(found, int | float) and found is not given:
        yield f"setting '{key}': a number is needed (got {given})"
    elif isinstance(found, float) and not math.isfinite(found):
        yield f"setting '{key}': a finite number is needed (got {found})"
    elif isinstance(found, str) and UNPRINTABLE.search(found):
        yield f"setting '{key}': contains a character that cannot be printed (got {_shown(found)})"


def _member(found: Any, name: str) -> Any:
    return found.get(name) if isinstance(found, Mapping) else getattr(found, str(name), None)


def _shown(value: Any) -> str:
    try:
        return shortened(repr(value))
    except ValueError:  # Python writes no number of more than some thousand digits
        return "a number of too many digits"
