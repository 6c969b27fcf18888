"""The build of the control plane: keys, versions, clear refusals, progress."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.binaries import cache
from e2e.binaries.cache import BuildError, Toolchain, build_key, cache_root, missing, toolchain
from e2e.binaries.families import FAMILIES, KUEUE
from e2e.binaries.progress import Progress

ROOT = Path(__file__).resolve().parents[3]
GO = Toolchain("go1.26.8", "linux/amd64")


@pytest.fixture
def fake_go(tmp_path, monkeypatch):
    """Puts a `go` in PATH that answers with the words given."""

    def install(words):
        folder = tmp_path / "bin"
        folder.mkdir()
        program = folder / "go"
        program.write_text(f"#!/bin/sh\nprintf '{words}'\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin:/bin")

    return install


def test_versions_come_from_the_modules():
    versions = {family.name: family.version for family in FAMILIES}
    assert versions["kubernetes"].startswith("v1.")
    assert set(versions) == {"etcd", "kubernetes", "prometheus", "kwok", "helm"}


def test_versions_are_stamped():
    flags = {family.name: " ".join(family.flags()) for family in FAMILIES}
    assert "gitVersion=v1.36.4 -X k8s.io/component-base/version.gitMajor=1" in flags["kubernetes"]
    assert "version.Version=3.14.0" in flags["prometheus"]
    assert "version.version=v4.2.4" in flags["helm"]


def test_the_key_depends_on_go_and_on_the_modules():
    assert build_key(GO) == build_key(GO)
    assert build_key(GO) != build_key(Toolchain("go1.26.9", "linux/amd64"))
    assert build_key(GO) != build_key(Toolchain("go1.26.8", "linux/arm64"))
    assert build_key(GO) != build_key(GO, FAMILIES[:-1])


def test_kueue_is_built_apart_from_the_control_plane():
    assert KUEUE not in FAMILIES
    assert build_key(GO, (KUEUE,)) != build_key(GO)
    assert build_key(GO) == build_key(GO, FAMILIES)
    assert "version.GitVersion=v0.18" in " ".join(KUEUE.flags())


def test_the_cache_lies_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("EBBTIDE_CACHE", raising=False)
    assert cache_root() == tmp_path / "ebbtide"
    monkeypatch.setenv("EBBTIDE_CACHE", str(tmp_path / "own"))
    assert cache_root() == tmp_path / "own"


def test_a_family_is_missing_until_every_file_is_there(tmp_path):
    assert missing(tmp_path) == list(FAMILIES)
    (tmp_path / "etcd").touch()
    (tmp_path / "kwok").touch()
    assert [family.name for family in missing(tmp_path)] == ["kubernetes", "prometheus", "kwok", "helm"]
    (tmp_path / cache.STAGES_FILE).touch()
    assert "kwok" not in [family.name for family in missing(tmp_path)]


def test_go_that_is_missing_is_one_sentence(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BuildError, match=r"`go` is not in PATH: install Go 1\.26 or newer"):
        toolchain()
    assert cache.binaries_dir() is None


def test_go_that_is_too_old_is_one_sentence(fake_go):
    fake_go("go1.25.3\\nlinux\\namd64\\n")
    with pytest.raises(BuildError, match=r"This Go is go1\.25\.3, too old .* install Go 1\.26 or newer"):
        toolchain()


def test_go_that_is_newer_will_do(fake_go):
    fake_go("go1.30rc1\\nlinux\\namd64\\n")
    assert toolchain() == Toolchain("go1.30rc1", "linux/amd64")


def test_the_command_says_it_in_one_line_and_fails():
    done = subprocess.run(
        [sys.executable, str(ROOT / "e2e" / "binaries" / "build.py")],
        env={"PATH": "", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "install Go 1.26" in done.stderr


def test_progress_counts_packages_and_downloads_and_keeps_the_rest():
    progress = Progress(2, 5, "kubernetes v1.36.4")
    assert progress.count("go: downloading k8s.io/api v0.36.4")
    assert progress.count("k8s.io/api/core/v1")
    assert not progress.count("# k8s.io/api/core/v1")
    assert not progress.count("main.go:3:8: undefined: x")
    assert progress.line() == "[2/5] kubernetes v1.36.4  0:00  1 modules downloaded  1 packages compiled"
