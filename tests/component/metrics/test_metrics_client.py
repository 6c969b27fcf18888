"""What the transport does with everything a Prometheus, or something in front of it, may answer."""

import gzip
import json

import pytest
from prometheus_double import PrometheusDouble, Reply, error, matrix, ok

from ebbtide.metrics.client import Limits, PrometheusClient
from ebbtide.samples.answer import MetricsError

ROW = ({"UUID": "GPU-1"}, [(10.0, "1.5"), (20.0, "2e-05")])


def ask(double: PrometheusDouble, **settings):
    client = PrometheusClient(double.url, **settings)
    try:
        return client.query_range("up", 10, 20, 10)
    finally:
        client.close()


def refusal(double: PrometheusDouble, **settings) -> str:
    with pytest.raises(MetricsError) as caught:
        ask(double, **settings)
    return str(caught.value)


def test_the_query_travels_in_the_body_and_not_in_the_address(double):
    double.reply = lambda _: matrix([ROW])
    answer = ask(double)
    (request,) = double.requests
    assert (request.method, request.path) == ("POST", "/api/v1/query_range")
    assert request.form == {
        "query": "up", "start": "10.000", "end": "20.000", "step": "10.000", "timeout": "30000ms",
    }  # fmt: skip
    assert request.headers["Accept-Encoding"] == "gzip"
    assert [(row.metric, row.values) for row in answer.series()] == [(ROW[0], [(10.0, 1.5), (20.0, 2e-05)])]


@pytest.mark.parametrize("text", ["NaN", "+Inf", "-Inf", "9.223372036854776e+18"])
def test_values_are_read_however_prometheus_spells_them(double, text):
    double.reply = lambda _: matrix([(ROW[0], [(10.0, text), (20.0, "3")])])
    (row,) = ask(double).series()
    assert (repr(row.values[0][1]), row.values[1]) == (repr(float(text)), (20.0, 3.0))


def test_a_value_that_is_no_number_is_refused(double):
    double.reply = lambda _: matrix([(ROW[0], [(10.0, "many")])])
    with pytest.raises(MetricsError, match="not its JSON"):
        list(ask(double).series())


def test_an_instant_query_gives_one_value_per_series(double):
    result = [{"metric": {"a": "b"}, "value": [10.5, "3"]}]
    double.reply = lambda _: ok({"resultType": "vector", "result": result})
    client = PrometheusClient(double.url)
    (sample,) = client.query("up", 10.5).samples()
    client.close()
    assert (sample.metric, sample.value) == ({"a": "b"}, (10.5, "3"))
    assert double.requests[0].form["time"] == "10.500"


def test_a_trailing_slash_of_the_address_does_not_matter(double):
    double.reply = lambda _: matrix([])
    client = PrometheusClient(double.url + "/")
    assert len(client.query_range("up", 1, 2, 1)) == 0
    client.close()
    assert double.requests[0].path == "/api/v1/query_range"


def test_warnings_and_infos_are_kept(double):
    double.reply = lambda _: matrix([ROW], warnings=["a store did not answer"], infos=["not a counter"])
    answer = ask(double)
    assert answer.warnings == ("a store did not answer",)
    assert answer.infos == ("not a counter",)


@pytest.mark.parametrize("status", [500, 503])
def test_what_fails_once_is_asked_again_although_it_is_a_post(double, status):
    replies = [error(status, "unavailable", "starting"), matrix([ROW])]
    double.reply = lambda _: replies.pop(0)
    assert len(ask(double)) == 1


def test_a_body_cut_short_is_no_answer(double):
    double.reply = lambda _: Reply(matrix([ROW]).body, cut=True)
    assert "cannot be asked" in refusal(double)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (error(400, "bad_data", "parse error at char 3"), "refused (400): bad_data: parse error at char 3."),
        (error(422, "execution", "too many samples"), "refused (422): execution: too many samples."),
        (error(503, "timeout", "query timed out"), "refused (503): timeout: query timed out."),
        (Reply(b"<html>Bad Gateway</html>", 502), "refused (502): Bad Gateway."),
        (Reply(b"", 401), "refused (401): Unauthorized."),
        (Reply(b"", 302, {"Location": "https://login.example"}), "redirects to https://login.example"),
        (Reply(b"<html>please log in</html>"), "something that is not its JSON"),
        (Reply(b""), "something that is not its JSON"),
        (Reply(b"{}"), "without data"),
        (ok({"resultType": "vector", "result": []}), "with vector instead of a matrix"),
        (ok({"resultType": "scalar", "result": [1, "1"]}), "with scalar instead of a matrix"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else str(value.status),
)
def test_every_refusal_is_one_sentence_with_the_reason(double, reply, words):
    double.reply = lambda _: reply
    told = refusal(double)
    assert words in told
    assert told.startswith("Prometheus ")
    assert told.endswith(".")


def rows(double: PrometheusDouble) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
    answer = ask(double)
    found = [(row.metric, row.values) for row in answer.series()]
    assert len(answer) == len(found)
    return found


NASTY = [
    {"a": '},{"metric":{"x":"y"}'}, {"b": ']}]},"warnings":["w"]'}, {"c": '\\"'}, {"d": "ü€𝄞 \u00e9"}, {},
    {"e": "x" * 9_000},
]  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 2, 5, 900])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (",", ": "), (", ", ":")])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_rows_are_found_however_the_json_is_written(double, count, separators, ascii_only):
    """Without spaces, as Prometheus writes them, they are read one at a time."""
    wanted = [(NASTY[number % len(NASTY)], [(10.0, float(number)), (20.0, -1.5)]) for number in range(count)]
    result = [{"metric": labels, "values": [[at, str(value)] for at, value in values]} for labels, values in wanted]
    document = {
        "status": "success",
        "isPartial": False,
        "data": {"resultType": "matrix", "result": result},
        "stats": {},
    }
    body = json.dumps(document, separators=separators, ensure_ascii=ascii_only).encode()
    double.reply = lambda _: Reply(body)
    assert rows(double) == wanted


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_a_row_that_is_longer_than_any_should_be_is_read_too(double, separators):
    wanted = [({"a": "b"}, [(1.0, 2.0)]), ({"long": "y" * 3_000_000}, [(1.0, 2.0)]), ({"c": "d"}, [(1.0, 2.0)])]
    result = [{"metric": labels, "values": [[at, str(value)] for at, value in values]} for labels, values in wanted]
    document = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    double.reply = lambda _: Reply(json.dumps(document, separators=separators).encode())
    assert rows(double) == wanted


def test_what_stands_after_the_rows_is_read_too(double):
    document = {
        "status": "success",
        "data": {"resultType": "matrix", "result": [{"metric": NASTY[1], "values": []}] * 3},
    }
    document["warnings"] = ['partial: ]}],"result":[', "two"]
    double.reply = lambda _: Reply(json.dumps(document, separators=(",", ":")).encode())
    assert ask(double).warnings == tuple(document["warnings"])


@pytest.mark.parametrize("cut", [1, 2, 3, 20, 60, 90, 200])
@pytest.mark.parametrize("count", [1, 3])
def test_an_answer_that_ends_too_early_is_no_answer(double, cut, count):
    """Whole as HTTP, but not as JSON."""
    document = {
        "status": "success",
        "data": {"resultType": "matrix", "result": [{"metric": {"a": "b"}, "values": []}] * count},
    }
    body = json.dumps(document, separators=(",", ":")).encode()
    double.reply = lambda _: Reply(body[:-cut])
    with pytest.raises(MetricsError, match="not its JSON"):
        rows(double)


def test_a_packed_stream_that_ends_too_early_is_no_answer(double):
    packed = gzip.compress(matrix([ROW]).body)
    double.reply = lambda _: Reply(packed[:-12], headers={"Content-Encoding": "gzip"}, drip_seconds=1e-9)
    with pytest.raises(MetricsError, match="ends too early"):
        rows(double)
    double.reply = lambda _: Reply(b"no gzip at all", headers={"Content-Encoding": "gzip"}, drip_seconds=1e-9)
    with pytest.raises(MetricsError, match="not gzip"):
        rows(double)


def test_a_row_of_the_wrong_form_is_an_error_when_it_is_read(double):
    double.reply = lambda _: ok({"resultType": "matrix", "result": [{"metric": {}, "histograms": []}]})
    with pytest.raises(MetricsError):
        list(ask(double).series())


def test_nobody_listening_is_told_by_name():
    client = PrometheusClient("http://127.0.0.1:9")
    with pytest.raises(MetricsError, match=r"Prometheus at http://127.0.0.1:9 cannot be asked: .*refused"):
        client.query("up", 1)
    client.close()


def test_a_silent_server_is_given_up_after_the_limit_and_not_asked_again(double):
    double.reply = lambda _: Reply(matrix([ROW]).body, silent=True)
    assert "did not finish" in refusal(double, limits=Limits(seconds=0.3))
    assert (len(double.requests), double.answered) == (1, 0)


def test_a_dripping_answer_ends_at_the_limit_although_every_read_succeeds(double):
    double.reply = lambda _: Reply(matrix([ROW] * 9).body, drip_seconds=0.05)
    assert "did not finish" in refusal(double, limits=Limits(seconds=0.5))
    assert double.answered == 0


def test_an_answer_is_stopped_at_the_size_limit_counted_unpacked(double):
    double.reply = lambda _: matrix([({"pad": "x" * 100}, [])] * 2000)  # 230 kB, packed to one or two
    with pytest.raises(MetricsError, match="more than 100000 bytes") as caught:
        ask(double, limits=Limits(answer_bytes=100_000))
    assert caught.value.oversize


def test_the_token_is_read_again_for_each_request(double, tmp_path):
    token = tmp_path / "token"
    double.reply = lambda _: matrix([])
    client = PrometheusClient(double.url, token_file=token)
    for text in ("first\n", "second\n"):
        token.write_text(text)
        client.query_range("up", 1, 2, 1)
    client.close()
    assert [request.headers["Authorization"] for request in double.requests] == ["Bearer first", "Bearer second"]


def test_a_missing_token_file_is_told(double, tmp_path):
    assert "token file" in refusal(double, token_file=tmp_path / "absent")
    assert not double.requests


def test_a_ca_bundle_is_what_the_server_is_checked_against(tmp_path):
    bundle = tmp_path / "absent.pem"
    client = PrometheusClient("https://127.0.0.1:9", ca_file=bundle)
    with pytest.raises(MetricsError, match=r"absent\.pem"):
        client.query("up", 1)
    client.close()
