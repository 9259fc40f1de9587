"""What servers really send: bytes on a socket, and what comes of them."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import threading
import tracemalloc
import zlib

import pytest
import requests

from hover_core.errors import FetchError, RefusedHost
from hover_core.fetching import transport
from hover_core.fetching.addresses import target_of
from hover_core.fetching.fetcher import Fetcher
from hover_core.fetching.transport import FetchLimits
from hover_core.sources import read_sources
from tests import sounds
from tests.servers import Fault, RawServer, SoundServer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsound"
LIMITS = FetchLimits(max_bytes=2_000_000, connect_s=1.0, read_s=1.0, total_s=5.0, tries=1)


@pytest.fixture(params=["session", "pool"])
def through(request):
    return request.param


def fetch(server, through="session", path="/a.wav", **changes):
    limits = FetchLimits(**{**LIMITS.__dict__, **changes})
    with Fetcher(allowed_hosts=[server.host_port], limits=limits) as fetcher:
        return fetcher.fetch(server.url(path), through)


def reason(server, through="session", path="/a.wav", **changes):
    with pytest.raises(FetchError) as caught:
        fetch(server, through, path, **changes)
    return str(caught.value)


# -- heads -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [
    OK,
    b"HTTP/1.1 200\r\ncontent-length: 5\r\n\r\nsound",
    b"HTTP/1.1 200 OK\nContent-Length:5\n\nsound",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nsound",
    b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nsound",
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nsound",
    b"HTTP/1.1 200 OK\r\n\r\nsound",
    b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 5\r\n\r\nsound",
    b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nsound",
    b"HTTP/1.0 200 OK\r\n\r\nsound",
    b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nsound",
    b"HTTP/1.1 203 OK\r\nContent-Length: 5\r\n\r\nsound and what nobody asked for",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n3\r\nsou\r\n2\r\nnd\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5;name=value\r\nsound\r\n0\r\nX-Sum: 1\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\nContent-Length: 7\r\n\r\n" + OK,
    b"HTTP/1.1 102 Processing\r\n\r\n" + 2 * b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK,
    b"HTTP/1.1 200 OK\r\nX-Long: a\r\n b\r\nContent-Length: 5\r\n\r\nsound",
    b"HTTP/1.1 200 OK\r\nX-Latin: \xe9\xff\x00\r\nContent-Length: 5\r\n\r\nsound",
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 98 + b"Content-Length: 5\r\n\r\nsound",
])  # fmt: skip
def test_an_answer_is_read_as_it_is_meant(answer, through):
    with RawServer(answer) as server:
        assert fetch(server, through) == b"sound"


@pytest.mark.parametrize("answer", [
    b"ICY 200 OK\r\n\r\n",
    b"HTTP/2 200\r\n\r\n",
    b"HTTP/1.1 2000 OK\r\n\r\n",
    b"RIFF" + bytes(100),
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nsound",
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 2_000_000,
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"y" * 60_000 + b"\r\n") * 90 + b"\r\n",
    b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10 + OK,
    b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000 + OK,
])  # fmt: skip
def test_what_is_no_http_or_has_no_end_is_refused(answer, through):
    with RawServer(answer) as server:
        assert reason(server, through) == "the server's answer is not HTTP"


@pytest.mark.parametrize(("answer", "sentence"), [
    (b"", "the connection was lost (closed by the server)"),
    (b"HTTP/1.1 200 OK\r\nContent-Le", "the connection ended before the file did"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsound", "the connection ended after 5 of 9 bytes"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\nsound", "larger than 2 MB"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nsound", "the connection ended before the file did"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nmany\r\nsound", "the connection ended before the file did"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nsound", "the server's answer is not HTTP"),
    (b"HTTP/1.1 204 No Content\r\n\r\n", "HTTP 204: No Content"),
    (b"HTTP/1.1 304 Not Modified\r\n\r\n", "HTTP 304: Not Modified"),
    (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", "HTTP 404: there is no such file"),
])  # fmt: skip
def test_an_answer_without_its_file_says_why(answer, sentence, through):
    with RawServer(answer) as server:
        assert reason(server, through) == sentence


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n" + bytes(50_000_000),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n" + bytes(50_000_000),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"1;" + b"x" * 60_000 + b"\r\nx\r\n") * 800,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + (b"X: " + b"y" * 60_000 + b"\r\n") * 800,
], ids=["less than nothing", "boast", "extensions", "trailers"])  # fmt: skip
def test_chunks_that_take_more_room_than_a_file_may_are_given_up(answer, through):
    with RawServer(answer) as server:
        tracemalloc.start()
        sentence = reason(server, through, total_s=60.0)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert sentence == "larger than 2 MB"
    assert peak < 20_000_000


def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one():
    with RawServer(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong", OK, close=False) as server:
        with Fetcher(allowed_hosts=[server.host_port], limits=LIMITS) as fetcher:
            assert [fetcher.fetch(server.url()) for _ in range(3)] == [b"sound"] * 3


def test_a_connection_that_is_closed_as_it_is_asked_again_is_no_try(through):
    with RawServer(OK, b"", OK, close=False) as server:
        with Fetcher(allowed_hosts=[server.host_port], limits=LIMITS) as fetcher:
            assert [fetcher.fetch(server.url(), through) for _ in range(2)] == [b"sound"] * 2
        assert len(server.requests) == 3


# -- encodings -------------------------------------------------------------------------------------------------------


def encoded(name, body):
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n%b" % (name, len(body), body)


@pytest.mark.parametrize("name", [b"UTF-8", b"aws-chunked", b"none", b"", b"binary", b"Identity", b"null, utf-8"])
def test_an_unknown_encoding_is_none(name, through):
    with RawServer(encoded(name, b"sound")) as server:
        assert fetch(server, through) == b"sound"


BARE = zlib.compress(b"sound" * 100)[2:-4]


@pytest.mark.parametrize(("name", "body"), [
    (b"gzip", sounds.gzip(b"sound" * 100)),
    (b"X-GZIP", sounds.gzip(b"sound" * 60) + sounds.gzip(b"") + sounds.gzip(b"sound" * 40)),
    (b"deflate", zlib.compress(b"sound" * 100)),
    (b"deflate", BARE),
    (b"aws-chunked, gzip", sounds.gzip(b"sound" * 100)),
    (b"deflate, gzip", sounds.gzip(zlib.compress(b"sound" * 100))),
])  # fmt: skip
def test_a_compression_that_nobody_asked_for_is_undone(name, body, through):
    with RawServer(encoded(name, body)) as server:
        assert fetch(server, through) == b"sound" * 100


@pytest.mark.parametrize(("name", "body", "sentence"), [
    (b"deflate", zlib.compress(bytes(50_000_000)), "larger than 2 MB"),
    (b"gzip, gzip", sounds.gzip(sounds.gzip(bytes(50_000_000))), "larger than 2 MB"),
    (b"gzip, gzip, gzip", b"sound", "the server sends the file compressed 3 times over"),
    (b"gzip" + b", gzip" * 9_000, b"sound", "the server sends the file compressed 9001 times over"),
    (b"gzip", sounds.gzip(b"sound") + b"tail", "the server's gzip compression is damaged"),
    (b"gzip", sounds.gzip(b"sound") + sounds.gzip(b"sound")[:-4], "the server's gzip compression ends too early"),
    (b"deflate", BARE[:-2], "the server's deflate compression ends too early"),
    (b"gzip, br", b"sound", "the server sends the file compressed (br), though it was asked not to"),
    (b"zstd", b"sound", "the server sends the file compressed (zstd), though it was asked not to"),
])  # fmt: skip
def test_a_compression_that_cannot_be_undone_says_so(name, body, sentence, through):
    with RawServer(encoded(name, body)) as server:
        assert reason(server, through) == sentence


def test_four_megabytes_of_small_members_are_unpacked_before_the_time_is_over():
    member = sounds.gzip(b"x")
    with RawServer(encoded(b"gzip", member * (4_000_000 // len(member)))) as server:
        assert fetch(server, max_bytes=5_000_000, total_s=30.0) == b"x" * (4_000_000 // len(member))


def test_unpacking_ends_with_the_time_of_the_url():
    with RawServer(encoded(b"gzip", sounds.gzip(b"") * 2_000_000)) as server:
        assert reason(server, max_bytes=50_000_000, total_s=0.5) == "not finished after 0.5 s"


# -- parts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_range", [b"bytes 0-4/5", b"bytes 0-4/*", b"Bytes  0-4/5"])
def test_a_part_that_is_the_whole_file_is_taken(content_range, through):
    answer = b"HTTP/1.1 206 Partial Content\r\nContent-Range: %b\r\nContent-Length: 5\r\n\r\nsound" % content_range
    with RawServer(answer) as server:
        assert fetch(server, through) == b"sound"


@pytest.mark.parametrize(("content_range", "sentence"), [
    (b"bytes 0-4/5124", "the server sent 5 of 5,124 bytes, though it was asked for all"),
    (b"bytes 5-9/10", "HTTP 206: Partial Content"),
    (b"sound 0-4/5", "HTTP 206: Partial Content"),
])  # fmt: skip
def test_a_part_that_is_not_the_whole_file_says_so(content_range, sentence, through):
    answer = b"HTTP/1.1 206 Partial Content\r\nContent-Range: %b\r\nContent-Length: 5\r\n\r\nsound" % content_range
    with RawServer(answer) as server:
        assert reason(server, through) == sentence


# -- redirects -------------------------------------------------------------------------------------------------------


def redirect(location, status=302, **headers):
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = [f"HTTP/1.1 {status} -", f"Location: {location}", "Content-Length: 0", *lines]
    return "\r\n".join([*head, "", ""]).encode("utf-8")


def asked(server):
    return [request.split(b" ")[1].decode() for request in server.requests]


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize(("location", "path"), [
    ("b.wav", "/x/b.wav"), ("../b.wav", "/b.wav"), ("?b=1", "/x/a?b=1"), ("/é b.wav#there", "/%C3%A9%20b.wav"),
    ("//{host_port}/b.wav", "/b.wav"), ("HTTP://{host_port}", "/"),
])  # fmt: skip
def test_a_redirect_is_followed_wherever_it_leads_from_here(status, location, path, through):
    with RawServer(b"", OK, close=False) as server:
        server.answers = (redirect(location.format(host_port=server.host_port), status), OK)

        assert fetch(server, through, "/x/a") == b"sound"
        assert asked(server) == ["/x/a", path]


@pytest.mark.parametrize("location", ["http://[bad/", "http://a:port/", "http://me:pw@host/", "javascript:x"])
def test_a_redirect_to_no_address_is_a_failure_in_words(location, through):
    with RawServer(redirect(location)) as server:
        assert "address" in reason(server, through)
        assert len(server.requests) == 1


def test_redirects_without_end_are_given_up_and_a_circle_is_named(through):
    with RawServer(redirect("/b.wav"), redirect("/a.wav"), redirect("/b.wav")) as server:
        assert reason(server, through, redirects=2) == "more than 2 redirects, which go in a circle"
    with RawServer(*(redirect(f"/{number}") for number in range(30))) as server:
        assert reason(server, through) == "more than 20 redirects"
        assert len(server.requests) == 21


def test_a_cookie_lives_as_long_as_its_chain_of_redirects(through):
    first = redirect("/b.wav", Set_Cookie="seen=1; Path=/")
    second = redirect("/a.wav", Set_Cookie="more=2; Path=/; HttpOnly")
    with RawServer(first, second, OK, OK) as server:
        with Fetcher(allowed_hosts=[server.host_port], limits=LIMITS) as fetcher:
            assert [fetcher.fetch(server.url(), through) for _ in range(2)] == [b"sound"] * 2

        cookies = [
            [line.partition(b": ")[2] for line in request.split(b"\r\n") if line.lower().startswith(b"cookie:")]
            for request in server.requests
        ]
    assert cookies == [[], [b"seen=1"], [b"seen=1; more=2"], []]


def test_a_cookie_does_not_go_to_another_host(through):
    with SoundServer({"/a.wav": b"sound"}) as server:
        server.faults["/old"] = Fault(
            redirect=f"http://other.example:{server.port}/a.wav", headers={"Set-Cookie": "secret=1; Domain=example"}
        )
        hosts = [server.host_port, f"other.example:{server.port}"]

        def resolve(host, port, **kwargs):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        with Fetcher(allowed_hosts=hosts, resolver=resolve) as fetcher:
            assert fetcher.fetch(server.url("/old"), through) == b"sound"

        assert all("Cookie" not in headers for _, headers in server.requests)


@pytest.mark.parametrize("body", [bytes(50_000_000), sounds.gzip(bytes(50_000_000))], ids=["large", "bomb"])
def test_the_body_of_a_redirect_is_not_read(body, through):
    head = b"HTTP/1.1 302 Found\r\nLocation: /b.wav\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    with RawServer(head + body, OK) as server:
        tracemalloc.start()
        assert fetch(server, through) == b"sound"
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert peak < 10_000_000


# -- the guard -------------------------------------------------------------------------------------------------------


def test_a_name_that_is_looked_up_twice_is_judged_twice_and_a_connection_stays_where_it_was_judged(
    monkeypatch, through
):
    monkeypatch.setattr(transport, "_ADDRESS_LIFE_S", 0.0)
    answers = iter(["127.0.0.1", "10.0.0.1"])
    with SoundServer({"/a.wav": b"sound"}) as server:
        allowed = [f"sounds.example:{server.port}"]

        def resolve(host, port, **kwargs):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

        # the first look-up is of an allowed name; then the same connections with nothing allowed
        with Fetcher(allowed_hosts=allowed, resolver=resolve, limits=LIMITS) as fetcher:
            url = f"http://sounds.example:{server.port}/a.wav"
            assert [fetcher.fetch(url, through) for _ in range(3)] == [b"sound"] * 3
            assert server.connections == 1  # no second look-up: what is open goes where it was judged

            fetcher._transport._operator_hosts = frozenset()
            server.drop_connections()
            with pytest.raises(RefusedHost, match="is in a private network"):
                fetcher.fetch(url, through)


def test_the_session_has_no_way_around_the_guard():
    with SoundServer({"/a.wav": b"sound"}) as server, Fetcher() as inside:
        attempt = transport.FetchAttempt(LIMITS)
        attempt.target = target_of(server.url("/a.wav"))
        inside._transport._here.attempt = attempt
        with pytest.raises(RefusedHost):
            inside._transport._session.get(
                server.url("/a.wav"),
                proxies={"http": server.url()},
                verify=False,  # as a caller who wants to get around the guard would ask; it has to change nothing
                timeout=9,
            )

        assert server.connections == 0


def test_proxies_netrc_and_bundles_of_the_environment_are_ignored(monkeypatch, tmp_path, through):
    (tmp_path / "netrc").write_text("machine 127.0.0.1\nlogin me\npassword s3cr3t\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none"))
    with SoundServer({"/a.wav": b"sound"}) as server:
        assert requests.utils.get_netrc_auth(server.url()) == ("me", "s3cr3t")
        assert fetch(server, through) == b"sound"

        [(_, headers)] = server.requests
    assert sorted(headers) == ["Accept", "Accept-Encoding", "Host", "User-Agent"]


def test_a_name_is_sent_to_the_server_before_its_certificate(through):
    names = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = lambda sock, name, _: names.append(name)
    with SoundServer({}, tls=context) as server:

        def resolve(host, port, **kwargs):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        host_port = f"sounds.example:{server.port}"
        with Fetcher(allowed_hosts=[host_port], resolver=resolve, limits=LIMITS) as fetcher:
            with pytest.raises(FetchError, match="cannot be reached"):  # this server has no certificate at all
                fetcher.fetch(f"https://{host_port}/a.wav", through)

    assert names == ["sounds.example"]


@pytest.mark.parametrize("answer", [OK, b"HTTP/1.1 200 OK\r\nbroken\r\nContent-Length: 5\r\n\r\nsound"])
def test_no_log_holds_a_query_or_a_header_that_opens_private_sound(answer, caplog, through):
    caplog.set_level(logging.DEBUG)
    with RawServer(answer) as server:
        secret = {"hosts": [server.url("/")], "query": "key=s3cr3t", "headers": {"X-Key": "s3cr3t"}}
        given = read_sources(json.dumps({"archive": secret}))
        with Fetcher(allowed_hosts=[server.host_port], sources=given, limits=LIMITS) as fetcher:
            assert fetcher.fetch(server.url("/a.wav?token=s3cr3t"), through) == b"sound"

        assert server.requests[0].count(b"s3cr3t") == 3
    assert "s3cr3t" not in caplog.text


def test_thousands_of_hosts_leave_few_connections_open(monkeypatch):
    monkeypatch.setattr(transport, "_MOST_OPEN", 8)
    with SoundServer({"/a.wav": b"sound"}) as server:

        def resolve(host, port, **kwargs):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        hosts = [f"h{number}.example:{server.port}" for number in range(60)]
        with Fetcher(allowed_hosts=hosts, resolver=resolve) as fetcher:
            for host in hosts:
                assert fetcher.fetch(f"http://{host}/a.wav") == b"sound"
            still_open = [connection for connection in fetcher._transport._open if connection.sock is not None]

    assert 1 <= len(still_open) <= 8


def test_threads_do_not_mix_up_what_they_ask_for(through):
    files = {f"/{number}": str(number).encode() for number in range(200)}
    wrong = []
    with SoundServer(files) as server, Fetcher(allowed_hosts=[server.host_port]) as fetcher:

        def work(first):
            wrong.extend(
                path for path in list(files)[first::16] if fetcher.fetch(server.url(path), through) != files[path]
            )

        threads = [threading.Thread(target=work, args=(first,)) for first in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert wrong == []
        assert sum(server.count.values()) == 200
