"""From the Dockerfile to an image that ran: base, build, configuration, files, `ebbtide version`."""

import sys
import time
import tomllib
from pathlib import Path
from typing import Final

from e2e.image.base import archives, release
from e2e.image.checks import HOME, problems, size
from e2e.image.index import Index, read_index
from e2e.image.programs import ImageError, run, say
from e2e.image.sandbox import run_image
from e2e.image.store import Store

ROOT: Final = Path(__file__).resolve().parents[2]
BASE, BUILD, IMAGE = "localhost/ebbtide-base", "localhost/ebbtide-build", "localhost/ebbtide"
_MB: Final = 1_000_000
# The lock of the run time is complete when every module can be imported with nothing else there.
_IMPORTS: Final = """
import importlib, pkgutil, ebbtide
found = [it.name for it in pkgutil.walk_packages(ebbtide.__path__, "ebbtide.") if not it.name.endswith("__main__")]
for name in found:
    importlib.import_module(name)
print(len(found))
"""


def build_and_run(folder: Path) -> None:
    """Everything in `folder`, which the caller removes. Raises ImageError."""
    found = archives(release())
    store = Store(folder / "storage")
    store.add_archive(found.base, BASE)
    store.add_archive(found.build, BUILD)
    index = read_index(run([sys.executable, "-m", "pip", "config", "list"]))
    _build(store, index.volumes(folder))
    _check(store, index)


def _build(store: Store, volumes: list[str]) -> None:
    say(f"image: building the Dockerfile with buildah ({store.driver})")
    began = time.monotonic()
    store.build(ROOT, IMAGE, {"BASE_IMAGE": BASE, "BUILD_IMAGE": BUILD}, volumes)
    say(f"image: built in {time.monotonic() - began:.0f} s")


def _check(store: Store, index: Index) -> None:
    image, root = store.configuration(IMAGE), store.root(IMAGE)
    if wrong := problems(image, root, index.private()):
        raise ImageError("The image is not as it must be:\n" + "\n".join(f"  {it}" for it in wrong))
    config = image["config"]
    told = run_image(root, config, "version").strip()
    if not told.startswith(f"ebbtide {_version()} "):
        raise ImageError(f"`ebbtide version` in the image says {told!r} and not {_version()}.")
    modules = run_image(root, config, "python", "-c", _IMPORTS, entrypoint=()).strip()
    say(f"image: {told} as {config['User']}, read-only, without network; its {modules} modules can be imported")
    say(f"image: {size(root) / _MB:.0f} MB unpacked, {size(root / HOME) / _MB:.0f} MB of it Ebbtide; no build tools")


def _version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])
