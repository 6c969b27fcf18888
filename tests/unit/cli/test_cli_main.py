import importlib

import click
import pytest
from click.testing import CliRunner

from ebbtide.cli.main import COMMANDS, default_environment, execute, program_name
from tests.unit.cli.fake_cluster import FakeCluster, ebbtide


def command(name):
    return importlib.import_module(f"ebbtide.cli.commands.{name}_command").command


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_exists_and_the_help_says_of_it_what_it_says_of_itself(name):
    found = command(name)
    assert isinstance(found, click.Command)
    assert (found.name, found.short_help) == (name, COMMANDS[name])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_flag_and_command_has_help(name):
    assert command(name).help
    assert [one.name for one in command(name).params if isinstance(one, click.Option) and not one.help] == []


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["list", "--help"]])
def test_help_is_no_failure(arguments):
    result = ebbtide(FakeCluster(), *arguments)
    assert result.code == 0
    assert result.out.startswith("Usage: kubectl ebbtide ")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["lst"], "There is no command 'lst'; there are: list, explain,"),
        (["--lst"], "No such option"),
        (["list", "--lst"], "No such option"),
        (["list", "x"], "Got unexpected extra argument (x) See `kubectl ebbtide list --help`."),
        (["list", "-o", "xml"], "'xml' is not one of 'table', 'wide', 'json', 'yaml', 'name', 'csv'."),
        (["explain"], "Missing argument 'KIND/NAME'. See `kubectl ebbtide explain --help`."),
    ],
)
def test_a_mistyped_command_line_gets_one_sentence(arguments, sentence):
    result = ebbtide(FakeCluster(), *arguments)
    assert result.code == 2
    assert sentence in result.err
    assert result.err.count("\n") == 1


def test_the_program_is_called_as_it_was_called():
    assert program_name("/usr/local/bin/kubectl-ebbtide") == "kubectl ebbtide"
    assert program_name("/usr/local/bin/ebbtide") == "ebbtide"


def test_cluster_flags_reach_the_connection():
    cluster = FakeCluster()
    ebbtide(cluster, "list", "--kubeconfig", "/k", "--context", "c")
    assert (cluster.targets[0].kubeconfig, cluster.targets[0].context) == ("/k", "c")


def test_version_needs_no_cluster():
    result = ebbtide(FakeCluster(), "version")
    assert result.out.startswith("ebbtide 0.")
    assert "API ebbtide.dev/v1alpha1" in result.out


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: here
clusters: [{name: here, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: me, user: {}}]
contexts: [{name: here, context: {cluster: here, user: me, namespace: vision}}]
"""


@pytest.mark.parametrize(
    ("content", "arguments", "code", "sentence"),
    [
        (KUBECONFIG, [], 1, "Cannot reach the API server at http://127.0.0.1:9: "),
        (KUBECONFIG, ["--context", "there"], 2, "There is no context 'there' in "),
        (KUBECONFIG.replace("current-context: here", ""), [], 1, "has no current context: choose one with --context"),
        ("{", [], 1, " cannot be read: "),
        ("- a", [], 1, "is no kubeconfig: it holds no mapping."),
    ],
)
def test_a_kubeconfig_that_leads_nowhere_is_told_in_one_sentence(tmp_path, content, arguments, code, sentence):
    path = tmp_path / "config"
    path.write_text(content, encoding="utf-8")
    with CliRunner().isolation() as (out, err, _):
        assert execute(["list", "--kubeconfig", str(path), *arguments], default_environment("ebbtide")) == code
        said = err.getvalue().decode()
        assert sentence in said
        assert said.count("\n") == 1
        assert out.getvalue() == b""
