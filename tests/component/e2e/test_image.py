"""The image: what the Dockerfile promises, and what the check of `make image` notices. Nothing is built here."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from e2e.image import base, checks, programs
from e2e.image.base import Release, read_release
from e2e.image.checks import LEFT_BEHIND, problems, size
from e2e.image.index import Index, read_index
from e2e.image.programs import ImageError, run
from e2e.image.sandbox import run_image
from e2e.operator_process import ENTRYPOINT

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
LABELS = {f"org.opencontainers.image.{it}": "x" for it in checks.LABELS}
GOOD = {"config": {"User": "65532:65532", "Entrypoint": ["ebbtide"], "Env": ["PATH=/usr/bin:/bin"], "Labels": LABELS}}
BOOKWORM = {"ID": "debian", "VERSION_ID": "12", "VERSION_CODENAME": "bookworm", "PRETTY_NAME": "Debian 12"}


# -- Dockerfile ----------------------------------------------------------------------------------------------------


def instructions():
    """Instruction and its words, with continued lines joined."""
    joined = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE))
    return [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]


def test_users_with_docker_get_a_slim_python_by_default():
    arguments = [words for name, words in instructions() if name == "ARG"]
    assert re.fullmatch(r"BASE_IMAGE=python:3\.1[1-9]-slim", arguments[0])
    assert [words for name, words in instructions() if name == "FROM"] == ["${BUILD_IMAGE} AS build", "${BASE_IMAGE}"]


def test_the_image_runs_as_the_user_of_the_chart_by_the_entry_point_that_the_tests_use():
    last = dict(instructions())
    deployment = (ROOT / "charts/ebbtide/templates/deployment.yaml").read_text()
    assert last["USER"] == checks.USER
    assert last["USER"] == "{}:{}".format(*re.findall(r"runAs(?:User|Group): (\d+)", deployment))
    assert yaml.safe_load(last["ENTRYPOINT"]) == checks.ENTRYPOINT == ENTRYPOINT


def test_everything_from_the_index_is_locked_by_hash():
    installs = [one for name, words in instructions() if name == "RUN" for one in words.split("&&") if "-r " in one]
    assert len(installs) == 2
    assert all("--require-hashes" in one and "--no-deps" in one and "--no-cache-dir" in one for one in installs)


def test_the_context_has_what_is_copied_and_nothing_else():
    copied = [words.split()[:-1] for name, words in instructions() if name == "COPY" and "--from" not in words]
    let_through = [it[1:] for it in (ROOT / ".dockerignore").read_text().splitlines() if it.startswith("!")]
    for path in (word for words in copied for word in words):
        assert (ROOT / path).exists(), path
        assert any(Path(path).match(it) for it in let_through), path
    assert {it.partition("/")[0] for it in let_through} == {Path(it).parts[0] for words in copied for it in words}


# -- what an image must be -----------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A root file system as it must be, owned by whoever runs this test."""
    monkeypatch.setattr(checks, "OWNER", os.getuid())
    packages = tmp_path / "opt/ebbtide/lib/python3.11/site-packages/ebbtide"
    packages.mkdir(parents=True)
    for folder in ("usr/bin", "tmp", "opt/ebbtide/bin"):
        (tmp_path / folder).mkdir(parents=True)
    (packages / "__init__.py").write_text("x")
    for path in tmp_path.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return tmp_path


def test_an_image_as_it_must_be_has_no_problems(root):
    assert problems(GOOD, root, ["pypi.corp.example/simple"]) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"User": ""}, "it runs as root and not as 65532:65532, the user of the chart"),
        ({"User": "0:0"}, "it runs as 0:0 and not as 65532:65532, the user of the chart"),
        ({"Entrypoint": None}, "its entry point is None and not ['ebbtide']"),
        ({"Labels": {}}, "it has no label org.opencontainers.image.title"),
    ],
)
def test_a_wrong_configuration_is_told(root, change, told):
    assert told in problems({"config": GOOD["config"] | change}, root)


@pytest.mark.parametrize("pattern", LEFT_BEHIND)
def test_whatever_the_build_left_behind_is_told(root, pattern):
    path = root / pattern.replace("python3*", "python3.11").replace("*", "-x")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    path.chmod(0o644)
    assert f"/{path.relative_to(root)} was left in it" in problems(GOOD, root)


def test_a_file_that_the_user_could_change_is_told(root):
    file = root / "opt/ebbtide/lib/python3.11/site-packages/ebbtide/__init__.py"
    file.chmod(0o666)
    assert problems(GOOD, root) == [f"/{file.relative_to(root)} can be written by others than root"]


def test_where_the_package_index_is_must_not_be_found_in_it_and_is_not_repeated(root):
    private = ["pypi.corp.example/simple"]
    file = root / "opt/ebbtide/lib/python3.11/site-packages/ebbtide/direct_url.json"
    file.write_text('{"url": "https://pypi.corp.example/simple/x"}')
    file.chmod(0o644)
    history = GOOD | {"history": [{"created_by": "RUN pip install -i https://pypi.corp.example/simple"}]}
    found = problems(history, root, private)
    assert len(found) == 2
    assert not any("pypi.corp" in one for one in found)


def test_a_file_counts_once_however_many_names_it_has(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    (tmp_path / "c").symlink_to("a")
    assert size(tmp_path) == 5


# -- the package index ---------------------------------------------------------------------------------------------


def test_only_what_leads_to_the_index_is_taken_from_the_machine(tmp_path):
    certificates = tmp_path / "ca.pem"
    certificates.write_text("x")
    listing = (
        f"global.cert='{certificates}'\n"
        "global.index-url='https://weak.example/simple'\n"
        ":env:.index-url='https://ada:secret@pypi.corp.example/simple/'\n"
        "install.timeout='60'\n"
        "global.extra-index-url='\\nhttps://one.example/a\\nhttps://two.example/b'\n"
        "global.find-links='/opt/wheels'\n"
        "freeze.timeout='10'\n"
    )
    index = read_index(listing, {})
    assert index.configuration().splitlines() == [
        "[global]",
        "index-url = https://ada:secret@pypi.corp.example/simple/",
        "extra-index-url = https://one.example/a https://two.example/b",
        "timeout = 60",
        "cert = /run/pip-certificates.pem",
    ]
    assert index.private() == ["pypi.corp.example/simple", "one.example/a", "two.example/b", "secret"]


def test_the_configuration_is_mounted_read_only_and_readable_by_its_owner_only(tmp_path):
    (tmp_path / "ca.pem").write_text("x")
    volumes = Index({"timeout": "60"}, tmp_path / "ca.pem").volumes(tmp_path)
    assert volumes == [
        f"{tmp_path}/pip.conf:/etc/pip.conf:ro",
        f"{tmp_path}/ca.pem:/run/pip-certificates.pem:ro",
    ]
    assert stat.S_IMODE((tmp_path / "pip.conf").stat().st_mode) == 0o600


def test_a_machine_without_settings_needs_none(tmp_path):
    index = read_index("", {})
    assert index.configuration() == "[global]\n"
    assert index.private() == []
    assert index.volumes(tmp_path) == [f"{tmp_path}/pip.conf:/etc/pip.conf:ro"]


def test_certificates_are_also_those_of_the_http_library_and_only_if_they_are_there(tmp_path):
    (tmp_path / "ca.pem").write_text("x")
    assert read_index("", {"REQUESTS_CA_BUNDLE": str(tmp_path / "ca.pem")}).certificates == tmp_path / "ca.pem"
    assert read_index("", {"REQUESTS_CA_BUNDLE": str(tmp_path / "gone.pem")}).certificates is None


# -- base and programs ---------------------------------------------------------------------------------------------


def test_the_base_is_this_machines_release_from_its_own_mirror():
    targets = "http://deb.example/security/ bookworm-security main\nhttp://deb.example/debian/ bookworm main\n"
    assert read_release(BOOKWORM, targets) == Release("bookworm", "http://deb.example/debian")


def test_a_machine_without_a_package_source_is_told_what_to_add():
    with pytest.raises(ImageError, match=r"^No package source of bookworm main .* add it to /etc/apt/sources\.list"):
        read_release(BOOKWORM, "")


@pytest.mark.parametrize("change", [{"ID": "fedora"}, {"VERSION_ID": "11"}])
def test_a_system_without_a_fitting_debian_is_refused_with_the_remedy(change):
    with pytest.raises(ImageError, match=r"^This machine runs Debian 12, and .* Docker instead: docker build \.$"):
        read_release(BOOKWORM | change, "")


def test_archives_that_are_there_are_not_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("EBBTIDE_CACHE", str(tmp_path))
    monkeypatch.setattr(base, "_make", lambda _found, folder: folder.mkdir(parents=True))
    first = base.archives(Release("bookworm", "http://deb.example/debian"))
    monkeypatch.setattr(base, "_make", lambda *_: pytest.fail("made again"))
    assert base.archives(Release("bookworm", "http://deb.example/debian")) == first
    assert tmp_path in first.base.parents


@pytest.fixture
def path(tmp_path, monkeypatch):
    """An empty PATH, and a way to put programs there that note their words; stand-ins, nothing is installed."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("NOTED", str(tmp_path / "noted"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def put(name, script=""):
        (folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >> "$NOTED"\n{script}\n')
        (folder / name).chmod(0o755)

    return put


def put_all(path):
    for name in (*programs.PROGRAMS, "unshare", "chroot", "tar"):
        path(name)


def test_nothing_is_said_or_installed_when_everything_is_there(path, tmp_path):
    put_all(path)
    path("apt-get")
    said = []
    programs.require(said.append)
    assert said == []
    assert not (tmp_path / "noted").exists()


def test_a_missing_program_is_installed_where_apt_is(path, tmp_path):
    put_all(path)
    (tmp_path / "bin/buildah").unlink()
    path("apt-get", f'[ "$1" = install ] && /bin/cp {tmp_path}/bin/tar {tmp_path}/bin/buildah')
    said = []
    programs.require(said.append)
    assert said == ["installing buildah by apt-get"]
    assert (tmp_path / "noted").read_text() == "apt-get install --yes --no-install-recommends buildah\n"


def test_old_package_lists_are_updated_and_then_it_is_tried_again(path, tmp_path):
    put_all(path)
    (tmp_path / "bin/debootstrap").unlink()
    path("apt-get", f'[ "$1" = update ] && : > {tmp_path}/updated; [ -f {tmp_path}/updated ]')
    with pytest.raises(ImageError, match=r"^Not in PATH: debootstrap; install that with your package manager, or"):
        programs.require(lambda _: None)
    assert [line.split()[1] for line in (tmp_path / "noted").read_text().splitlines()] == [
        "install",
        "update",
        "install",
    ]


def test_without_apt_the_remedy_is_told_in_one_sentence(path, tmp_path):
    with pytest.raises(ImageError) as refused:
        programs.require(lambda _: None)
    assert str(refused.value) == (
        "Not in PATH: buildah, debootstrap, unshare, chroot, tar; "
        "install that with your package manager, or build with Docker instead: docker build ."
    )


def test_without_root_the_remedy_is_told(path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ImageError, match=r"run it as root \(sudo make image\), or build with Docker instead"):
        programs.require()


def test_a_program_that_fails_shows_its_last_lines():
    with pytest.raises(ImageError) as failed:
        run(["sh", "-c", "seq 1 40; echo no >&2; exit 4"])
    lines = str(failed.value).splitlines()
    assert lines[0] == "`sh -c seq 1 40; echo no >&2; exit 4` ended with status 4. Its last lines:"
    assert len(lines) == 16
    assert lines[-1] == "  no"


# -- the sandbox ---------------------------------------------------------------------------------------------------


def test_an_image_without_a_user_is_not_run():
    with pytest.raises(ImageError, match=r"^The image names no USER"):
        run_image(Path("/nowhere"), {"Entrypoint": ["ebbtide"]}, "version")


def namespaces_work():
    words = ["unshare", "--mount", "--pid", "--fork", "--net", "true"]
    return os.geteuid() == 0 and subprocess.run(words, capture_output=True, check=False).returncode == 0


SANDBOXED = pytest.mark.skipif(not namespaces_work(), reason="needs root and namespaces")
"""The sandbox is made of the kernel's namespaces, which only root may open, and not in every container; `make image`
says so and fails there."""


@pytest.fixture
def small_root(tmp_path):
    """A root file system with a shell, its libraries and a folder that everybody may write."""
    for name in ("sh", "env", "touch", "id", "cat"):
        program = Path(shutil.which(name)).resolve()
        (tmp_path / "usr/bin").mkdir(parents=True, exist_ok=True)
        shutil.copy(program, tmp_path / "usr/bin" / name)
        listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"(/\S+)", listed):
            target = tmp_path / library.removeprefix("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, target)
    for name in ("dev", "proc", "tmp", "opt"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o777)
    tmp_path.chmod(0o755)
    return tmp_path


@SANDBOXED
def test_the_sandbox_is_the_images_user_with_a_root_that_cannot_be_written_and_no_network(small_root):
    script = (
        "id -u; id -g; id -G; touch /tmp/mine && echo tmp; touch /opt/mine 2>/dev/null || echo read-only;"
        'echo $GREETING; while read -r line; do echo "$line"; done < /proc/net/route; cat /dev/null'
    )
    config = {"User": "65532:65532", "Env": ["PATH=/usr/bin", "GREETING=hello"], "Entrypoint": ["sh", "-c"]}
    told = run_image(small_root, config, script).splitlines()
    assert told[:3] == ["65532", "65532", "65532"]
    assert told[3:6] == ["tmp", "read-only", "hello"]
    assert not told[7:], "the table of routes has at most its heading"
    assert list((small_root / "opt").iterdir()) == list((small_root / "tmp").iterdir()) == []


@SANDBOXED
def test_a_program_that_fails_in_the_sandbox_is_told(small_root):
    config = {"User": "65532:65532", "Env": ["PATH=/usr/bin"], "Entrypoint": ["sh", "-c"]}
    with pytest.raises(ImageError, match=r"ended with status 5\. Its last lines:\n  sorry"):
        run_image(small_root, config, "echo sorry; exit 5")
