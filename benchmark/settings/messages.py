"""Turn a settings error into a message: the full key, what is wrong, the nearest valid key."""

from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from longibench.benchmark.core.errors import UserError

RENAMED = {
    "training.explosion": "training.divergence_factor",
    "device.recompute": "device.activation_checkpointing",
}


def explain(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """Describe every problem that validation found.

    Args:
        error: What pydantic raised.
        model: The model that was validated.
        where: Path of the model inside the whole settings, such as ``"methods.ours"``.

    Returns:
        One line per problem.
    """
    lines = []
    for problem in error.errors():
        path = [str(part) for part in problem["loc"]]
        key = ".".join([where, *path] if where else path)
        if (old := ".".join(key.split(".")[-2:])) in RENAMED:
            lines.append(f"setting '{key}' is now called '{RENAMED[old]}'")
        elif problem["type"] == "extra_forbidden":
            lines.append(f"unknown setting '{key}'.{_hint(model, path)}")
        elif problem["type"] == "missing":
            lines.append(f"setting '{key}' is missing")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            lines.append(f"setting '{key or model.__name__}': {message} (got {problem['input']!r})")
    return "\n".join(dict.fromkeys(lines))


def _hint(model: type[BaseModel], path: list[str]) -> str:
    known = _fields(model, path[:-1])
    nearest = get_close_matches(path[-1], known, n=1, cutoff=0.5)
    suggestion = f" Did you mean '{nearest[0]}'?" if nearest else ""
    return f"{suggestion} Available: {', '.join(sorted(known))}"


def _fields(model: type[BaseModel], path: list[str]) -> list[str]:
    for part in path:
        if part in model.model_fields:  # else a key inside a mapping of models
            model = _model_in(model.model_fields[part].annotation)
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel]:
    candidates = [annotation, *get_args(annotation)]
    return next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))


def validate(model: type[BaseModel], values: dict[str, Any], where: str) -> Any:
    """Build a settings object, or report what is wrong under which full key.

    Raises:
        UserError: An unknown key (with the nearest valid one) or a wrong value.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(explain(error, model, where)) from error
