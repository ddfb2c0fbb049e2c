"""Read settings: a preset or a file, what it extends, and the overrides."""

import json
import shlex
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from longibench.benchmark.core.errors import UserError, shortened, unknown
from longibench.benchmark.core.found_files import is_present
from longibench.benchmark.settings import presets as preset_files
from longibench.benchmark.settings.messages import validate
from longibench.benchmark.settings.preset_checks import refuse_computed, refuse_multiplied
from longibench.benchmark.settings.schema import Settings, merge


def presets() -> list[str]:
    """Names of the presets that come with the project."""
    files = resources.files(preset_files).iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def load_settings(preset: str, overrides: Sequence[str] = ()) -> Settings:
    """Read a preset and apply overrides.

    Args:
        preset: Name of a preset, or path of a YAML file; a file may contain ``extends: NAME`` and
            refer to its own values, ``${grid.spacing_mm}``.
        overrides: ``key.path=value`` each. ``training.*`` applies to every method, even if the
            preset sets it for single ones; ``methods.NAME.training.*`` applies to one.

    Raises:
        UserError: An unknown preset, key or type, or a value from the environment.
    """
    values, changes = _read_preset(preset), _parse(overrides)
    own = _without(_part(values, "methods"), changes.get("training"))
    merged = merge({**values, "methods": own} if own else values, changes)
    name = preset if preset in presets() else Path(preset).stem
    return validate(Settings, {**merged, "preset": name}, "")


def as_overrides(options: Mapping[str, Any], overrides: Sequence[str]) -> list[str]:
    """Options of the command line as overrides; those that were not given (None) are left out.

    Args:
        options: Values by key of the settings.
        overrides: Those of ``--set``.

    Raises:
        UserError: ``--set`` gives one of the options too.
    """
    keys = [override.partition("=")[0].strip() for override in overrides]
    given = {key: value for key, value in options.items() if value is not None}
    for key in given:
        if any(key == other or key.startswith(f"{other}.") for other in keys):
            raise UserError(f"--set {key}: it is also given as an option; give one of them")
    # as JSON, so that a path that contains '#' or ': ' is not read as YAML
    return [f"{key}={json.dumps(value)}" for key, value in given.items()]


def _read_preset(name: str, extended_by: tuple[str, ...] = ()) -> dict[str, Any]:
    if name in extended_by:
        raise UserError(f"{name}: extends itself, through {', '.join(extended_by)}")
    values = _to_dict(lambda: _parsed(_text_of_preset(name), name), name)
    parent = values.pop("extends", None)
    if parent is None:
        return values
    relative = Path(name).parent / str(parent)  # a file extends a file relative to itself
    base = str(relative) if relative.is_file() else str(parent)
    return merge(_read_preset(base, (*extended_by, name)), values)


def _parsed(text: str, name: str) -> Any:
    refuse_multiplied(text, name)
    return OmegaConf.create(text)


def _text_of_preset(name: str) -> str:
    if name in presets():
        return resources.files(preset_files).joinpath(f"{name}.yaml").read_text("utf-8")
    if not name.endswith((".yaml", ".yml")):
        raise unknown("preset", name, presets())
    if not is_present(Path(name)):
        raise UserError(f"{name}: no such preset file")
    return Path(name).read_text(encoding="utf-8")


def _parse(overrides: Sequence[str]) -> dict[str, Any]:
    for override in overrides:
        key, equals, value = override.partition("=")
        if not (key.strip() and equals):
            raise UserError(
                f"--set {override}: write it as key=value, such as training.iterations=50"
            )
        _refuse_unquoted(key, value)
    return _to_dict(lambda: OmegaConf.from_dotlist(list(overrides)), "--set")


def _refuse_unquoted(key: str, value: str) -> None:
    """Refuse a value that is no YAML, such as ``%d.%m.%Y``, with the form that is."""
    try:
        yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        quoted = shlex.quote(f"{key}={json.dumps(value, ensure_ascii=False)}")
        raise UserError(
            f"--set {key}={shortened(value)}: not valid YAML; text needs quotes: --set "
            f"{shortened(quoted)}"
        ) from error


def _to_dict(build: Any, where: str) -> dict[str, Any]:
    try:
        config = build()
        if not isinstance(config, DictConfig):
            raise UserError(f"{where}: expected keys and values")
        refuse_computed(OmegaConf.to_container(config, resolve=False), where)
        return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]
    except (OmegaConfBaseException, yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        # a TypeError where one override makes a list of what another one has keys of
        raise UserError(f"{where}: not valid YAML: {error}") from error


def _part(values: dict[str, Any], key: str) -> dict[str, Any]:
    """A nested part; empty if there is none or it is not a mapping of keys."""
    part = values.get(key)
    return part if isinstance(part, dict) else {}


def _without(methods: dict[str, Any], training: Any) -> dict[str, Any]:
    """The methods' entries without the training values that an override sets for all."""
    return {
        name: {**entry, "training": _pruned(entry["training"], training)}
        if isinstance(entry, dict) and "training" in entry
        else entry
        for name, entry in methods.items()
    }


def _pruned(own: Any, replaced: Any) -> Any:
    if not isinstance(own, dict) or not isinstance(replaced, dict):
        return own
    return {
        key: _pruned(value, replaced.get(key))
        for key, value in own.items()
        if key not in replaced or isinstance(replaced[key], dict)
    }
