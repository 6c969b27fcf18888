"""The operator's profiles of other exporters: whether it can use them, read as it reads them."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from ebbtide.cli.checks.installation import Installation
from ebbtide.cli.checks.line import Line, failed, ok, skipped
from ebbtide.cluster.client import Client
from ebbtide.objects.errors import ApiError
from ebbtide.objects.resources import Resource
from ebbtide.samples.profile import Profile
from ebbtide.samples.vendors import VENDORS, ProfileError, own, profiles_of, read_profiles

CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap")
TITLE: Final = "profiles"
_FLAG: Final = "--profiles-file"
_FROM_HERE: Final = f"give the list with {_FLAG} to look with it"
_FORBIDDEN: Final = 403


async def find(
    client: Client, namespace: str, installation: Installation, file: Path | None
) -> tuple[tuple[Profile, ...], list[Line]]:
    """All profiles to look with, and what is to be said of those that a user added.

    `file` stands in for what the operator was given. With a mistake in them, those that come with the program are left.
    """
    try:
        if file is not None:
            return _used(read_profiles(file), str(file))
        mounted = installation.flag(_FLAG)
        return await _mounted(client, namespace, installation.pod, mounted) if mounted else (VENDORS, [])
    except ProfileError as error:
        said = "the operator does not start with it: correct metrics.profiles in the chart's values"
        return VENDORS, [failed(TITLE, f"{error.path}: {error.message}; {said}")]


async def _mounted(
    client: Client, namespace: str, pod: Mapping[str, Any], path: str
) -> tuple[tuple[Profile, ...], list[Line]]:
    place = _config_map(pod, path)
    if place is None:
        return VENDORS, [skipped(TITLE, f"{path} in the operator's pod is from no ConfigMap; {_FROM_HERE}")]
    where = f"ConfigMap {namespace}/{place[0]}"
    try:
        found = await client.get(CONFIG_MAPS, namespace, place[0])
    except ApiError as error:
        if error.status == _FORBIDDEN:
            return VENDORS, [skipped(TITLE, f"{where} may not be read with your rights; {_FROM_HERE}")]
        return VENDORS, [failed(TITLE, f"{where}: {error.message}")]
    text = (found.get("data") or {}).get(place[1])
    if text is None:
        return VENDORS, [failed(TITLE, f"{where} has no key {place[1]}, from which the operator reads its profiles")]
    return _used(profiles_of(text, where), where)


def _config_map(pod: Mapping[str, Any], path: str) -> tuple[str, str] | None:
    """The name and the key of the ConfigMap that stands at a path of the first container."""
    for mount in pod["containers"][0].get("volumeMounts") or ():
        if not PurePosixPath(path).is_relative_to(mount["mountPath"]) or "subPath" in mount:
            continue
        inside = str(PurePosixPath(path).relative_to(mount["mountPath"]))
        volumes = (one.get("configMap") for one in pod.get("volumes") or () if one["name"] == mount["name"])
        source = next(volumes, None)
        if source:
            keys = {item["path"]: item["key"] for item in source.get("items") or ()}
            return str(source["name"]), str(keys.get(inside, inside))
    return None


def _used(found: tuple[Profile, ...], where: str) -> tuple[tuple[Profile, ...], list[Line]]:
    told = [f"{one.name} ({one.exporter}, for {', '.join(one.resources)})" for one in own(found)]
    return found, [ok(TITLE, f"{where}: {'; '.join(told)}")] if told else []
