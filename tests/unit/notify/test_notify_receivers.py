"""The file of receivers: what it may say, and that no message quotes a secret of it."""

from pathlib import Path

import pytest

from ebbtide.notify.receivers import ReceiversError, read

GOOD = """
receivers:
- name: ml-oncall
  slack: {url: "https://hooks.slack.example/services/T/B/s3cret"}
- name: finops
  webhook: {url: "https://finops.example/ebbtide", headers: {Authorization: Bearer s3cret}}
- name: mail
  email: {host: smtp.example, from: ebbtide@example.com, to: [a@example.com], username: u, password: s3cret}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "receivers.yaml"
    path.write_text(text)
    return path


def test_each_way_is_read(tmp_path: Path) -> None:
    found = read(written(tmp_path, GOOD))
    assert list(found) == ["ml-oncall", "finops", "mail"]
    mail = found["mail"].email
    assert mail is not None
    assert (mail.port, mail.start_tls, mail.sender) == (587, True, "ebbtide@example.com")


def test_an_empty_file_has_no_receivers(tmp_path: Path) -> None:
    assert read(written(tmp_path, "")) == {}


BAD = {
    "not there": (None, "No such file or directory: check the chart value notify.receiversFrom"),
    "no yaml": ("receivers: [s3cret", "line 1: this is no YAML"),
    "a list": ("- s3cret", "the file: "),
    "no way": ("receivers: [{name: a}]", "receivers.0: Value error, give exactly one of webhook, slack, email"),
    "two ways": (
        'receivers: [{name: a, slack: {url: "http://a"}, webhook: {url: "http://s3cret"}}]',
        "give exactly one of",
    ),
    "no URL": ("receivers: [{name: a, slack: {url: s3cret}}]", "receivers.0.slack.url: String should match"),
    "an unknown field": (
        'receivers: [{name: a, slack: {url: "http://a", channel: s3cret}}]',
        "receivers.0.slack.channel: Extra inputs",
    ),
    "twice": (
        'receivers: [{name: a, slack: {url: "http://a"}}, {name: a, slack: {url: "http://b"}}]',
        "the name a is there twice",
    ),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_what_cannot_be_used_is_said_without_its_values(tmp_path: Path, case: tuple[str | None, str]) -> None:
    text, sentence = case
    path = tmp_path / "missing.yaml" if text is None else written(tmp_path, text)
    with pytest.raises(ReceiversError) as caught:
        read(path)
    assert sentence in str(caught.value)
    assert str(path) in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)
