"""buildah with a storage of its own, so that the person's images are neither seen nor touched."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from e2e.image.programs import ImageError, run

_DRIVERS: Final = ("overlay", "vfs")
"""The first that works here; vfs copies every layer and works everywhere."""


class Store:
    """Images and containers below one folder; removing the folder removes all of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "tmp").mkdir(parents=True)
        self.driver = next((it for it in _DRIVERS if self._works(it)), _DRIVERS[-1])

    def add_archive(self, archive: Path, name: str) -> None:
        """An image of one layer from a tar file."""
        container = self._buildah("from", "scratch").strip()
        self._buildah("add", "--quiet", container, str(archive), "/")
        self._buildah("commit", "--quiet", "--rm", container, name)

    def build(self, context: Path, name: str, arguments: dict[str, str], volumes: Sequence[str]) -> None:
        """The Dockerfile in `context`. Raises ImageError with the last lines of the step that failed."""
        words = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
        words += [word for volume in volumes for word in ("--volume", volume)]
        # A Docker image keeps everything that the Dockerfile says.
        self._buildah(
            "build", "--isolation=chroot", "--pull=never", "--format=docker", *words, "--tag", name, str(context)
        )

    def configuration(self, name: str) -> dict[str, Any]:
        """What the image says of itself, with its history, as in the image specification."""
        found: dict[str, Any] = json.loads(self._buildah("inspect", "--type=image", name))["OCIv1"]
        return found

    def root(self, name: str) -> Path:
        """The root file system of a container of the image."""
        container = self._buildah("from", "--pull-never", name).strip()
        return Path(self._buildah("mount", container).strip())

    def _works(self, driver: str) -> bool:
        try:
            self._run(driver, "info")
        except ImageError:
            return False
        return True

    def _buildah(self, *words: str) -> str:
        return self._run(self.driver, *words)

    def _run(self, driver: str, *words: str) -> str:
        # A storage belongs to one driver.
        place = self._folder / driver
        own = [f"--root={place / 'root'}", f"--runroot={place / 'run'}", f"--storage-driver={driver}"]
        return run(["buildah", *own, *words], env={"TMPDIR": str(self._folder / "tmp")})
