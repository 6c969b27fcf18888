"""The command as a process of its own: what it loads, and how it ends."""

import os
import subprocess
import sys

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def program(*arguments, **environment):
    code = "import sys; sys.argv[0] = 'kubectl-ebbtide'; from ebbtide.cli.main import run; run()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, check=False, env={**ENVIRONMENT, **environment},
    )  # fmt: skip


def test_help_loads_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "ebbtide.cli.main"], capture_output=True, text=True, check=True
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not {"kubernetes", "aiohttp", "pydantic", "rich", "yaml", "msgspec", "kopf", "asyncio"} & loaded


def test_there_is_no_traceback_where_there_is_no_kubeconfig(tmp_path):
    done = program("list", "--kubeconfig", str(tmp_path / "none"))
    sentence = f"Error: There is no kubeconfig at {tmp_path}/none: give one with --kubeconfig or $KUBECONFIG.\n"
    assert (done.returncode, done.stderr) == (1, sentence)


def test_a_terminal_without_our_signs_shows_others():
    done = program("explain", "--help", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
