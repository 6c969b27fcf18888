"""The profiles that come with the program, and those that a user adds: YAML in, profiles out."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from ebbtide.api.parsing import explained
from ebbtide.samples.profile import Profile
from ebbtide.samples.profile_words import ProfileWords

_NAMES: Final = ("nvidia", "amd", "gaudi", "tpu", "neuron", "hami")
_MOST: Final = 32
_FORM: Final = "write a list of profiles, each with name, resources, labels and signals"
_PARSER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ProfileError(Exception):
    """A profile cannot be used; the text is one sentence: the path inside, what is wrong, what is allowed."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}.")
        self.path, self.message = path, message


def _shipped(name: str) -> dict[str, Any]:
    text = files("ebbtide.samples").joinpath("profiles", f"{name}.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.load(text, Loader=_PARSER)  # noqa: S506  # a safe loader
    return found


_SHIPPED: Final = {raw["name"]: raw for raw in map(_shipped, _NAMES)}
VENDORS: Final = tuple(ProfileWords.model_validate(raw).profile() for raw in _SHIPPED.values())
NVIDIA: Final = VENDORS[0]


def profiles(added: Sequence[object] = (), path: str = "metrics.profiles") -> tuple[Profile, ...]:
    """All profiles: those that a user adds, then those that come with the program and are not replaced by name.

    `path` is where the added ones stand. Raises ProfileError.
    """
    if not isinstance(added, list | tuple):
        raise ProfileError(path, _FORM)
    if len(added) > _MOST:
        raise ProfileError(path, f"{len(added)} profiles; write at most {_MOST}")
    read = [_parsed(raw, f"{path}[{place}]") for place, raw in enumerate(added)]
    names = [profile.name for profile in read]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ProfileError(f"{path}[{place}].name", f"{name} is there already; give each profile its own name")
    kept = tuple(profile for profile in VENDORS if profile.name not in names)
    # NVIDIA's stays first: it is what is read where nobody requests anything.
    first, rest = [it for it in kept if it is NVIDIA], [it for it in kept if it is not NVIDIA]
    return (*first, *read, *rest)


def read_profiles(file: Path | None) -> tuple[Profile, ...]:
    """The same with those of a YAML file: a list. None: no more than come with the program. Raises ProfileError."""
    if file is None:
        return VENDORS
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ProfileError(str(file), f"it cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ProfileError(str(file), f"it is not text: {error}") from error
    return profiles_of(text, str(file))


def profiles_of(text: str, where: str) -> tuple[Profile, ...]:
    """The same with those of a text: a list in YAML. `where` is what the text is called. Raises ProfileError."""
    try:
        raw = yaml.load(text, Loader=_PARSER)  # noqa: S506  # a safe loader
    except (yaml.YAMLError, ValueError) as error:
        raise ProfileError(where, f"it is not YAML: {' '.join(str(error).split())}") from error
    return profiles(raw or (), f"{where}: profiles")


def own(found: Iterable[Profile]) -> tuple[Profile, ...]:
    """Those that a user added, whatever they replace."""
    return tuple(profile for profile in found if profile not in VENDORS)


def watched(found: Iterable[Profile]) -> frozenset[str]:
    """Resources, or beginnings with *, that users' profiles report on beside the known ones."""
    return frozenset(name for profile in own(found) for name in profile.resources)


def _parsed(raw: object, path: str) -> Profile:
    if not isinstance(raw, Mapping):
        raise ProfileError(path, "write a map with name, resources, labels and signals")
    try:
        return ProfileWords.model_validate(_extended(raw, path), by_alias=True, by_name=False).profile()
    except ValidationError as error:
        where, told = explained(error.errors(include_url=False)[0])
        raise ProfileError(f"{path}{where.removesuffix('.[key]')}", told) from error


def _extended(raw: Mapping[str, Any], path: str) -> dict[str, Any]:
    """What it says itself over what the profile says that it extends."""
    base = raw.get("extends")
    own = {key: value for key, value in raw.items() if key != "extends"}
    if "extends" not in raw:
        return own
    if not isinstance(base, str) or base not in _SHIPPED:
        raise ProfileError(f"{path}.extends", f"{base!r} is not known; write {', '.join(_SHIPPED)}")
    return {**_SHIPPED[base], **own}
