"""A test that lacks something skips on a laptop and fails in CI."""

import pytest

from e2e.requirements_guard import is_required, require, shared
from e2e.shared import shared_dir


def test_without_a_requirement_it_is_a_skip_that_says_why(monkeypatch):
    monkeypatch.setenv("EBBTIDE_REQUIRE", "")
    with pytest.raises(pytest.skip.Exception, match="plane: nothing is built"):
        require("plane", "nothing is built")


def test_what_is_required_is_a_failure(monkeypatch):
    monkeypatch.setenv("EBBTIDE_REQUIRE", "shared,plane")
    with pytest.raises(pytest.fail.Exception, match="'plane', but nothing is built"):
        require("plane", "nothing is built")


def test_names_are_whole_words(monkeypatch):
    monkeypatch.setenv("EBBTIDE_REQUIRE", "shared, airplane")
    assert is_required("shared")
    assert not is_required("plane")


def test_the_shared_folder_lies_where_the_environment_says(monkeypatch, tmp_path):
    (tmp_path / "traces").mkdir()
    monkeypatch.setenv("EBBTIDE_SHARED", str(tmp_path))
    assert shared("traces") == tmp_path / "traces"
    monkeypatch.setenv("EBBTIDE_SHARED", str(tmp_path / "none"))
    assert shared_dir() is None


def test_a_file_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("EBBTIDE_REQUIRE", "shared")
    monkeypatch.setenv("EBBTIDE_SHARED", str(tmp_path))
    with pytest.raises(pytest.fail.Exception, match="traces/x is not there; set EBBTIDE_SHARED"):
        shared("traces", "x")
