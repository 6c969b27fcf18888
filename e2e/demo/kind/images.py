"""The two images of the demo: Ebbtide's own from the Dockerfile, and the GPU metrics exporter on top of it."""

import re
import shutil
from pathlib import Path
from typing import Final

from e2e.demo.kind.tools import Runner, Tools

ROOT: Final = Path(__file__).resolve().parents[3]
EBBTIDE: Final = "ebbtide:demo"
EXPORTER: Final = "ebbtide-exporter:demo"
# What the exporter imports and the operator does not.
_EXTRA: Final = ("cffi", "cryptography", "pycparser")


def build_images(runner: Runner, tools: Tools, folder: Path) -> None:
    """Both, by docker; `folder` becomes the context of the exporter's."""
    runner.run(tools.docker, "build", "--tag", EBBTIDE, str(ROOT))
    write_exporter_context(folder)
    runner.run(tools.docker, "build", "--build-arg", f"IMAGE={EBBTIDE}", "--tag", EXPORTER, str(folder))


def write_exporter_context(folder: Path) -> None:
    """The exporter's sources, its Dockerfile, and the locked packages that it needs beyond Ebbtide's."""
    shutil.rmtree(folder, ignore_errors=True)
    for path in (ROOT / "e2e").rglob("*.py"):
        if "tests" not in path.parts:
            target = folder / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    shutil.copyfile(Path(__file__).with_name("exporter.Dockerfile"), folder / "Dockerfile")
    locked = (ROOT / "locks" / "dev.txt").read_text(encoding="utf-8")
    (folder / "requirements.txt").write_text(entries(locked, _EXTRA), encoding="utf-8")


def entries(locked: str, names: tuple[str, ...]) -> str:
    """The entries of these packages in a lock file, with their hashes."""
    found = re.findall(r"^[a-zA-Z].*(?:\n[ \t].*)*", locked, re.MULTILINE)
    return "".join(f"{one}\n" for one in found if one.partition("==")[0].strip() in names)
