import importlib
import types

import pytest

from ebbtide.cli.commands import operator_command
from ebbtide.core.settings import Safety, Settings
from ebbtide.options import LABEL_MODES, OperatorOptions
from ebbtide.samples.settings import LabelMode
from tests.unit.cli.fake_cluster import FakeCluster, ebbtide


@pytest.fixture
def started(monkeypatch):
    """What `ebbtide.main.main` was called with."""
    calls = []
    fake = types.SimpleNamespace(main=lambda options: calls.append(options) or 3)
    real = importlib.import_module
    monkeypatch.setattr(
        operator_command.importlib, "import_module", lambda name: fake if name == "ebbtide.main" else real(name)
    )
    return calls


def test_defaults_of_the_flags_are_those_of_the_options(started):
    assert ebbtide(FakeCluster(), "operator", "--prometheus-url", "http://p:9090/").code == 3
    assert started == [OperatorOptions("http://p:9090")]


def test_defaults_of_the_options_are_those_of_decisions():
    assert OperatorOptions("http://p").settings == Settings()


def test_every_flag_can_be_an_environment_variable(started, monkeypatch):
    monkeypatch.setenv("EBBTIDE_PROMETHEUS_URL", "https://p/prefix")
    monkeypatch.setenv("EBBTIDE_ENFORCEMENT", "true")
    monkeypatch.setenv("EBBTIDE_SAFETY_IDLE_PAUSES_PER_HOUR", "5")
    monkeypatch.setenv("EBBTIDE_LISTEN", "[::1]:0")
    assert ebbtide(FakeCluster(), "operator", "--tick-seconds", "0.5").code == 3
    (options,) = started
    assert (options.prometheus_url, options.enforcement, options.tick_seconds) == ("https://p/prefix", True, 0.5)
    assert options.safety == Safety(idle_pauses_per_hour=5)
    assert (options.listen_host, options.listen_port) == ("::1", 0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Missing option '--prometheus-url'"),
        (["--prometheus-url", "p:9090"], "'p:9090' is no URL: write http://HOST:PORT or https://HOST."),
        (["--prometheus-url", "http://p:x"], "is no URL"),
        (["--prometheus-url", "http://p", "--listen", "8080"], "'8080' is no address: write HOST:PORT"),
        (["--prometheus-url", "http://p", "--listen", "h:99999"], "'h:99999' is no address"),
        (["--prometheus-url", "http://p", "--renew-seconds", "15"], "must be shorter than the lease duration of 15 s"),
        (["--prometheus-url", "http://p", "--retry-seconds", "9"], "the retry period of 9 s is too long"),
        (["--prometheus-url", "http://p", "--tick-seconds", "0"], "0.0 is not in the range x>0"),
        (["--prometheus-url", "http://p", "--label-mode", "auto"], "'auto' is not one of 'Auto', 'Exported'"),
        (["--prometheus-url", "http://p", "--match-label", "job"], "'job' is no matcher: write LABEL=VALUE"),
    ],
)
def test_a_mistaken_flag_is_told_before_anything_starts(arguments, sentence, started):
    result = ebbtide(FakeCluster(), "operator", *arguments)
    assert result.code == 2
    assert sentence in result.err
    assert started == []


def test_label_modes_are_those_of_the_metrics_source():
    assert set(LABEL_MODES) == set(LabelMode)
