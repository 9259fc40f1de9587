"""URL → bytes: what is refused before a connection, and what is mended after one."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hover_core.errors import FetchError, RefusedHost
from hover_core.fetching.fetcher import Fetcher
from hover_core.fetching.transport import FetchLimits
from hover_core.jobs import dask_engine
from tests import sounds
from tests.servers import Fault, SoundServer

DATA = b"RIFF" + bytes(range(256)) * 20


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch):
    """No test of this file can reach anything but this machine, whatever the guard does."""
    connected = []

    class Socket(socket.socket):
        def connect(self, address):
            connected.append(address[0])
            assert address[0] in ("127.0.0.1", "::1"), f"connection to {address}"
            super().connect(address)

    monkeypatch.setattr(socket, "socket", Socket)
    return connected


@pytest.fixture
def server():
    with SoundServer({"/a.wav": DATA}) as server:
        yield server


@pytest.fixture
def fetcher(server):
    with Fetcher(allowed_hosts=[server.host_port], limits=quick()) as fetcher:
        yield fetcher


def quick(**changes):
    return FetchLimits(**{"connect_s": 1.0, "read_s": 1.0, "total_s": 5.0, **changes})


def names(**addresses):
    """A resolver that knows these names, and numbers as the system reads them."""

    def resolve(host, port, *args, **kwargs):
        found = addresses.get(host.replace(".", "_"))
        if found is None:
            return socket.getaddrinfo(host, port, *args, flags=socket.AI_NUMERICHOST, **kwargs)
        return [
            (socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))
            for ip in found.split()
        ]

    return resolve


def reason(fetcher, url):
    with pytest.raises(FetchError) as caught:
        fetcher.fetch(url)
    return str(caught.value)


# -- addresses -------------------------------------------------------------------------------------------------------

BAD = [
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
    "100.127.255.255", "169.254.169.254", "168.63.129.16", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1",
    "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "fe80::1", "fec0::1",
    "fc00::1", "fd00:ec2::254", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::",
    "2002:808:808::1", "2001::1", "2001:db8::1", "3fff::1", "100::1", "5f00::1", "4000::1",
]  # fmt: skip


@pytest.mark.parametrize("address", BAD)
def test_a_name_that_leads_to_a_special_address_is_refused_before_connecting(address, only_loopback):
    with Fetcher(resolver=names(sounds_example=address)) as fetcher:
        with pytest.raises(RefusedHost) as caught:
            fetcher.fetch("http://sounds.example/a.wav")

    assert caught.value.host_port == "sounds.example:80"
    assert only_loopback == []


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1::1"])
def test_a_public_address_is_connected_to(address, only_loopback):
    with (
        Fetcher(resolver=names(sounds_example=address)) as fetcher,
        pytest.raises(AssertionError, match="connection to"),
    ):
        fetcher.fetch("http://sounds.example/a.wav")

    assert only_loopback == [address]


@pytest.mark.parametrize("addresses", ["8.8.8.8 10.0.0.1", "10.0.0.1 8.8.8.8", "2606:4700::1111 ::1"])
def test_one_special_address_among_public_ones_is_enough(addresses, only_loopback):
    with Fetcher(resolver=names(sounds_example=addresses)) as fetcher, pytest.raises(RefusedHost):
        fetcher.fetch("https://sounds.example/a.wav")

    assert only_loopback == []


@pytest.mark.parametrize("host", [
    "127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "[::1]", "[::ffff:127.0.0.1]", "[0:0::1]",
    "１２７.0.0.1", "127。0。0。1", "[::ffff:7f00:1]", "0xa9fea9fe", "169.254.43518", "017700000001",
])  # fmt: skip
def test_an_odd_spelling_of_an_address_is_judged_by_what_it_is(host, only_loopback):
    with Fetcher(resolver=names()) as fetcher, pytest.raises(RefusedHost):
        fetcher.fetch(f"http://{host}:8000/a.wav")

    assert only_loopback == []


def test_the_connection_goes_to_the_judged_address_and_asks_for_the_name(server, only_loopback):
    answers = iter(["127.0.0.1", "10.0.0.1"])
    asked = []

    def resolve(host, port, *args, **kwargs):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    host_port = f"sounds.example:{server.port}"
    with Fetcher(allowed_hosts=[host_port], resolver=resolve) as fetcher:
        assert fetcher.fetch(f"http://{host_port}/a.wav") == DATA

    assert asked == ["sounds.example"]
    assert only_loopback == ["127.0.0.1"]
    assert server.requests[0][1]["Host"] == host_port


def test_what_is_refused_says_how_to_allow_it():
    with Fetcher() as fetcher, pytest.raises(RefusedHost) as caught:
        fetcher.fetch("http://127.0.0.1:8000/a.wav?secret=1")

    assert str(caught.value) == (
        "127.0.0.1:8000 is this machine: allow it (allowed_hosts or HOVER_ALLOWED_HOSTS) if that is meant"
    )
    assert caught.value.host_port == "127.0.0.1:8000"


@pytest.mark.parametrize(("allowed", "url"), [
    ("localhost:{port}", "http://127.0.0.1:{port}/a.wav"),
    ("127.0.0.1:{port}", "http://localhost:{port}/a.wav"),
    ("127.0.0.1:{port}", "http://2130706433:{port}/a.wav"),
    ("127.0.0.1", "http://127.0.0.1:{port}/a.wav"),
    ("127.0.0.1:80", "http://127.0.0.1:{port}/a.wav"),
])  # fmt: skip
def test_a_host_is_allowed_by_exactly_its_spelling_and_port(server, allowed, url):
    with Fetcher(allowed_hosts=[allowed.format(port=server.port)], resolver=names(localhost="127.0.0.1")) as fetcher:
        with pytest.raises(RefusedHost):
            fetcher.fetch(url.format(port=server.port))

    assert server.connections == 0


@pytest.mark.parametrize(("allowed", "url"), [
    ("localhost:{port}", "http://LOCALHOST:{port}/a.wav"),
    ("127.0.0.1:{port}", " http://127.0.0.1:{port}/a.wav#there\n"),
])  # fmt: skip
def test_an_allowed_host_is_fetched_from(server, allowed, url):
    resolver = names(localhost="127.0.0.1")
    with Fetcher(allowed_hosts=[allowed.format(port=server.port)], resolver=resolver) as fetcher:
        assert fetcher.fetch(url.format(port=server.port)) == DATA


METADATA = [
    "169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.0.23", "100.100.100.200", "168.63.129.16",
    "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42", "fe80::a9fe:a9fe",
    "::ffff:169.254.169.254", "::ffff:100.100.100.200", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "::a9fe:a9fe",
]  # fmt: skip


@pytest.mark.parametrize("address", METADATA)
def test_the_owner_of_a_dataset_cannot_allow_a_clouds_metadata_server(address, only_loopback):
    host_port, resolver = "sounds.example:80", names(sounds_example=address)
    with Fetcher(dataset_hosts=[host_port], resolver=resolver) as fetcher, pytest.raises(RefusedHost) as caught:
        fetcher.fetch("http://sounds.example/latest/meta-data")

    assert only_loopback == []
    assert caught.value.operator_only
    assert str(caught.value).endswith("only the operator of this app can allow it (HOVER_ALLOWED_HOSTS)")


@pytest.mark.parametrize("host", [
    "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "１６９.254.169.254",
    "[fd00:ec2::254]", "[FD00:EC2:0::0254]", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "168.63.129.16",
    "100.100.100.200", "1684301000", "0.0.0.0",
])  # fmt: skip
def test_nor_does_another_spelling_of_it_help(host, only_loopback):
    url = f"http://{host}/latest/meta-data"
    with Fetcher(resolver=names()) as fetcher, pytest.raises(RefusedHost) as first:
        fetcher.fetch(url)
    allowed = first.value.host_port
    with Fetcher(dataset_hosts=[allowed], resolver=names()) as fetcher, pytest.raises(RefusedHost) as second:
        fetcher.fetch(url)

    assert only_loopback == []
    assert (first.value.operator_only, second.value.operator_only) == (True, True)


@pytest.mark.parametrize("host", [
    "metadata", "METADATA.google.internal", "metadata.google.internal.", "instance-data", "metadata.goog",
])  # fmt: skip
def test_a_name_of_a_metadata_server_is_refused_wherever_it_leads(host, only_loopback):
    host_port = f"{host.lower()}:80"
    resolver = lambda name, port, **kwargs: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]  # noqa: E731
    with Fetcher(dataset_hosts=[host_port], resolver=resolver) as fetcher, pytest.raises(RefusedHost) as caught:
        fetcher.fetch(f"http://{host}/computeMetadata/v1/")

    assert only_loopback == []
    assert caught.value.operator_only


def test_one_metadata_address_among_those_of_an_allowed_name_is_enough(only_loopback):
    resolver = names(nas="127.0.0.1 fd00:ec2::254")
    with Fetcher(dataset_hosts=["nas:8000"], resolver=resolver) as fetcher, pytest.raises(RefusedHost) as caught:
        fetcher.fetch("http://nas:8000/a.wav")

    assert only_loopback == []
    assert caught.value.operator_only


def test_the_operator_may_allow_any_address(only_loopback):
    with (
        Fetcher(allowed_hosts=["169.254.169.254:80"], resolver=names()) as fetcher,
        pytest.raises(AssertionError, match="connection to"),  # of this file's guard
    ):
        fetcher.fetch("http://169.254.169.254/a.wav")

    assert only_loopback == ["169.254.169.254"]


@pytest.mark.parametrize(
    "address", ["10.0.0.7", "192.168.1.2", "172.16.3.4", "100.101.102.103", "fd12:3456::1", "8.8.8.8"]
)
def test_the_owner_of_a_dataset_may_allow_a_server_of_their_network(address, only_loopback):
    with (
        Fetcher(dataset_hosts=["nas:8000"], resolver=names(nas=address)) as fetcher,
        pytest.raises(AssertionError, match="connection to"),  # of this file's guard
    ):
        fetcher.fetch("http://nas:8000/a.wav")

    assert only_loopback == [address]


def test_what_the_owner_of_a_dataset_allowed_is_fetched_from(server):
    with Fetcher(dataset_hosts=[server.host_port]) as fetcher:
        assert fetcher.fetch(server.url("/a.wav")) == DATA
        with pytest.raises(RefusedHost) as caught:
            fetcher.fetch(f"http://localhost:{server.port}/a.wav")

    assert not caught.value.operator_only


def test_the_setting_of_a_dataset_allows_no_more_than_a_click(dataset, hover_data, only_loopback):
    dataset.change_settings(allowed_hosts=["[fd00:ec2::254]:80", "2852039166:80"])
    worker = dask_engine._DaskWorker()  # what a worker of a cluster fetches with
    far = worker._fetcher(((), ("[fd00:ec2::254]:80",)), ())

    for fetch in (lambda url: dataset.sounds.fetch(dataset.id, url), far.fetch):
        for url in ("http://[fd00:ec2::254]/a.wav", "http://2852039166/a.wav"):
            with pytest.raises(RefusedHost) as caught:
                fetch(url)
            assert caught.value.operator_only
    assert only_loopback == []


def test_a_redirect_of_an_allowed_server_to_a_metadata_server_is_refused(server, only_loopback):
    server.faults["/a.wav"] = Fault(redirect="http://169.254.169.254/latest/meta-data")
    with Fetcher(dataset_hosts=[server.host_port, "169.254.169.254:80"]) as fetcher, pytest.raises(RefusedHost):
        fetcher.fetch(server.url("/a.wav"))

    assert only_loopback == ["127.0.0.1"]


def test_the_port_of_the_scheme_need_not_be_written():
    with Fetcher(resolver=names(a_example="10.0.0.1")) as fetcher:
        for url, host_port in (("http://a.example/", "a.example:80"), ("https://A.example/", "a.example:443")):
            with pytest.raises(RefusedHost) as caught:
                fetcher.fetch(url)

            assert caught.value.host_port == host_port


@pytest.mark.parametrize(("url", "sentence"), [
    ("ftp://a.example/a.wav", "only http:// and https:// addresses are fetched, not ftp://"),
    ("file:///etc/passwd", "only http:// and https:// addresses are fetched, not file://"),
    ("sounds/a.wav", "only http:// and https:// addresses are fetched, not an address without http://"),
    ("", "only http:// and https:// addresses are fetched, not an address without http://"),
    ("http://user:pw@a.example/a.wav", "the address contains a user name or password: take it out"),
    ("http://a.example\\@127.0.0.1/", "the address contains a user name or password: take it out"),
    ("http://a.example:99999/", "the address cannot be read as a URL"),
    ("http://[::1/", "the address cannot be read as a URL"),
    ("http:///a.wav", "'' is not the name of a server"),
    ("http://a b/", "'a b' is not the name of a server"),
    ("http://a%2eexample/", "'a%2eexample' is not the name of a server"),
    ("http://a.example/\r\nHost: b", "the address contains control characters"),
    ("http://[fe80::1%25eth0]/", "[fe80::1%25eth0] is not an IPv6 address"),
])  # fmt: skip
def test_what_is_no_address_of_ours_says_so(url, sentence):
    with Fetcher() as fetcher:
        assert reason(fetcher, url) == sentence


def test_an_unknown_name_says_so():
    def resolve(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with Fetcher(resolver=resolve) as fetcher:
        assert reason(fetcher, "http://gone.example/") == "there is no server with the name gone.example"


def test_a_look_up_that_never_ends_is_given_up():
    forever = threading.Event()
    with Fetcher(resolver=lambda *a, **k: forever.wait(), limits=quick(total_s=0.3)) as fetcher:
        sentence = reason(fetcher, "http://slow.example/")
    forever.set()

    assert sentence == "the name slow.example could not be looked up within 0.3 s"


# -- redirects -------------------------------------------------------------------------------------------------------


def test_a_redirect_is_followed(server, fetcher):
    server.faults["/old"] = Fault(redirect="/a.wav")

    assert fetcher.fetch(server.url("/old")) == DATA


@pytest.mark.parametrize(
    "where", ["http://127.0.0.1:1/", "http://10.0.0.1/", "//[::1]/a.wav", "https://169.254.169.254/"]
)
def test_a_redirect_to_a_special_address_is_refused(server, fetcher, where, only_loopback):
    server.faults["/old"] = Fault(redirect=where)

    with pytest.raises(RefusedHost, match="the server redirects to") as caught:
        fetcher.fetch(server.url("/old"))
    assert caught.value.redirected
    assert len(only_loopback) == 1


def test_a_redirect_to_a_file_is_refused(server, tmp_path):
    (tmp_path / "a.wav").write_bytes(DATA)
    server.faults["/old"] = Fault(redirect="local:a.wav")
    with Fetcher(allowed_hosts=[server.host_port], folders={"local": tmp_path}) as fetcher:
        assert "only http:// and https://" in reason(fetcher, server.url("/old"))


def test_a_circle_of_redirects_ends(server, fetcher):
    server.faults["/old"] = Fault(redirect="/old")

    assert reason(fetcher, server.url("/old")) == "more than 20 redirects, which go in a circle"
    assert server.count["/old"] == 21


def test_an_error_after_a_redirect_names_the_other_server(server, fetcher):
    server.faults["/old"] = Fault(redirect="/gone.wav?signature=secret")

    assert reason(fetcher, server.url("/old")) == "HTTP 404: there is no such file (after a redirect to 127.0.0.1)"


# -- answers ---------------------------------------------------------------------------------------------------------


def test_connections_are_kept_alive(server, fetcher):
    for _ in range(20):
        fetcher.fetch(server.url("/a.wav"))

    assert server.connections == 1


def test_a_connection_that_the_server_dropped_is_no_error(server, fetcher):
    for _ in range(3):
        assert fetcher.fetch(server.url("/a.wav")) == DATA
        server.drop_connections()


def test_threads_fetch_side_by_side(server, fetcher):
    server.latency_s = 0.1
    found = []
    threads = [threading.Thread(target=lambda: found.append(fetcher.fetch(server.url("/a.wav")))) for _ in range(32)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [DATA] * 32
    assert time.monotonic() - started < 32 * 0.1 / 2


def test_a_server_without_keep_alive_is_fetched_from():
    with (
        SoundServer({"/a.wav": DATA}, keep_alive=False) as server,
        Fetcher(allowed_hosts=[server.host_port]) as fetcher,
    ):
        assert [fetcher.fetch(server.url("/a.wav")) for _ in range(3)] == [DATA] * 3


def test_spaces_and_letters_of_any_language_are_fetched(server, fetcher):
    server.files["/my%20sound%20%C3%A9.wav"] = DATA

    assert fetcher.fetch(server.url("/my sound é.wav")) == DATA
    assert fetcher.fetch(server.url("/my%20sound%20%C3%A9.wav")) == DATA


def test_the_query_is_sent_and_never_told(server, fetcher):
    assert fetcher.fetch(server.url("/a.wav?X-Signature=s3cret&b=%2F")) == DATA
    assert server.requests[0][0] == "/a.wav?X-Signature=s3cret&b=%2F"
    assert "s3cret" not in reason(fetcher, server.url("/gone.wav?X-Signature=s3cret"))


def test_nothing_of_the_environment_is_sent(server, fetcher, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    fetcher.fetch(server.url("/a.wav"))

    assert sorted(server.requests[0][1]) == ["Accept", "Accept-Encoding", "Host", "User-Agent"]
    assert server.requests[0][1]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(("status", "sentence", "requests"), [
    (400, "HTTP 400: Bad Request", 1),
    (401, "HTTP 401: the server wants a password", 1),
    (403, "HTTP 403: the server does not allow it; has the link expired?", 1),
    (404, "HTTP 404: there is no such file", 1),
    (206, "HTTP 206: Partial Content", 1),
    (429, "HTTP 429: too many requests", 3),
    (500, "HTTP 500: Internal Server Error", 3),
    (503, "HTTP 503: Service Unavailable", 3),
])  # fmt: skip
def test_a_bad_answer_is_named_and_tried_again_only_if_that_may_help(server, fetcher, status, sentence, requests):
    server.faults["/a.wav"] = Fault(status=status)

    assert reason(fetcher, server.url("/a.wav")) == sentence
    assert server.count["/a.wav"] == requests


@pytest.mark.parametrize("fault", [
    Fault(status=503, times=2), Fault(status=429, times=2, headers={"Retry-After": "0"}), Fault(hang_up=True, times=2),
    Fault(truncate_to=100, times=2), Fault(chunked=True, truncate_to=100, times=2),
    Fault(status=500, times=1, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
], ids=range(6))  # fmt: skip
def test_a_fault_that_passes_is_no_error(server, fetcher, fault):
    server.faults["/a.wav"] = fault

    assert fetcher.fetch(server.url("/a.wav")) == DATA


def test_a_body_that_is_too_short_is_an_error(server, fetcher):
    server.faults["/a.wav"] = Fault(truncate_to=100)

    assert reason(fetcher, server.url("/a.wav")) == "the connection ended after 100 of 5,124 bytes"


def test_a_chunked_body_that_is_too_short_is_an_error(server, fetcher):
    server.faults["/a.wav"] = Fault(chunked=True, truncate_to=100)

    assert reason(fetcher, server.url("/a.wav")) == "the connection ended before the file did"


def test_a_chunked_body_is_fetched(server, fetcher):
    server.faults["/a.wav"] = Fault(chunked=True)

    assert [fetcher.fetch(server.url("/a.wav")) for _ in range(2)] == [DATA, DATA]
    assert server.connections == 1


def test_what_is_not_http_says_so():
    listener = socket.create_server(("127.0.0.1", 0))

    def speak():
        for _ in range(3):
            connection, _ = listener.accept()
            connection.recv(4_096)
            connection.sendall(b"220 mail.example ESMTP\r\n")
            connection.close()

    threading.Thread(target=speak, daemon=True).start()
    host_port = f"127.0.0.1:{listener.getsockname()[1]}"
    with listener, Fetcher(allowed_hosts=[host_port]) as fetcher:
        assert reason(fetcher, f"http://{host_port}/") == "the server's answer is not HTTP"


def test_where_nobody_listens_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host_port = f"127.0.0.1:{listener.getsockname()[1]}"
    with Fetcher(allowed_hosts=[host_port]) as fetcher:
        assert reason(fetcher, f"http://{host_port}/") == f"{host_port} has no service there (connection refused)"


# -- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [
    Fault(), Fault(chunked=True), Fault(endless=True), Fault(declared=10**15),
], ids=["declared", "chunked", "endless", "boast"])  # fmt: skip
def test_a_body_that_is_too_large_is_an_error(server, fault):
    server.files["/large.wav"] = bytes(2_000_001)
    server.faults["/large.wav"] = fault
    with Fetcher(allowed_hosts=[server.host_port], limits=quick(max_bytes=2_000_000)) as fetcher:
        assert reason(fetcher, server.url("/large.wav")) == "larger than 2 MB"
        assert server.count["/large.wav"] == 1


def test_a_body_of_exactly_the_limit_is_fetched(server):
    with Fetcher(allowed_hosts=[server.host_port], limits=quick(max_bytes=len(DATA))) as fetcher:
        assert fetcher.fetch(server.url("/a.wav")) == DATA


def test_a_compressed_body_is_unpacked(server, fetcher):
    server.files["/a.wav"] = sounds.gzip(DATA[:100]) + sounds.gzip(DATA[100:])
    server.faults["/a.wav"] = Fault(headers={"Content-Encoding": "gzip"})

    assert fetcher.fetch(server.url("/a.wav")) == DATA


@pytest.mark.parametrize(("encoding", "body", "sentence"), [
    ("gzip", sounds.gzip(bytes(50_000_000)), "larger than 2 MB"),
    ("gzip", sounds.gzip(DATA)[:-20], "the server's gzip compression ends too early"),
    ("gzip", b"RIFF" * 100, "the server's gzip compression is damaged"),
    ("br", b"RIFF" * 100, "the server sends the file compressed (br), though it was asked not to"),
], ids=["bomb", "short", "damaged", "br"])  # fmt: skip
def test_a_compressed_body_that_cannot_be_unpacked_says_so(server, encoding, body, sentence):
    server.files["/a.wav"] = body
    server.faults["/a.wav"] = Fault(headers={"Content-Encoding": encoding})
    with Fetcher(allowed_hosts=[server.host_port], limits=quick(max_bytes=2_000_000)) as fetcher:
        assert reason(fetcher, server.url("/a.wav")) == sentence


@pytest.mark.parametrize("fault", [
    Fault(drip_head_s=0.05), Fault(drip_body_s=0.05), Fault(drip_body_s=0.05, chunked=True),
    Fault(drip_body_s=0.05, headers={"Connection": "close"}),
], ids=["head", "body", "chunks", "until close"])  # fmt: skip
def test_a_server_that_drips_is_cut_off_in_time(server, fault):
    server.faults["/a.wav"] = fault
    with Fetcher(allowed_hosts=[server.host_port], limits=quick(total_s=0.5)) as fetcher:
        started = time.monotonic()
        sentence = reason(fetcher, server.url("/a.wav"))

    assert sentence == "not finished after 0.5 s"
    assert time.monotonic() - started < 2


def test_a_server_that_says_nothing_is_tried_three_times(server):
    server.faults["/a.wav"] = Fault(latency_s=5)
    with Fetcher(allowed_hosts=[server.host_port], limits=quick(read_s=0.1)) as fetcher:
        assert reason(fetcher, server.url("/a.wav")) == "the server sent nothing for 0.1 s"
        assert server.count["/a.wav"] == 3


def test_a_pause_that_the_server_asks_for_does_not_outlast_the_deadline(server):
    server.faults["/a.wav"] = Fault(status=429, headers={"Retry-After": "3600"})
    with Fetcher(allowed_hosts=[server.host_port], limits=quick(total_s=1)) as fetcher:
        started = time.monotonic()

        assert reason(fetcher, server.url("/a.wav")) == "HTTP 429: too many requests"
        assert time.monotonic() - started < 1


def test_closing_ends_a_pause(server):
    server.faults["/a.wav"] = Fault(status=429, headers={"Retry-After": "4"})
    fetcher = Fetcher(allowed_hosts=[server.host_port])
    threading.Timer(0.2, fetcher.close).start()
    started = time.monotonic()

    assert reason(fetcher, server.url("/a.wav")) == "fetching was stopped"
    assert time.monotonic() - started < 2


# -- https -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name, today = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sounds.example")]), datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(today - timedelta(days=1)).not_valid_after(today + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("sounds.example")]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    (folder / "cert").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    (folder / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder


@pytest.fixture
def tls_server(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert", certificate / "key")
    with SoundServer({"/a.wav": DATA}, tls=context) as server:
        yield server


@pytest.mark.parametrize(("host", "sentence"), [
    ("sounds.example", None),
    ("other.example", "the certificate of other.example is not valid (Hostname mismatch"),
])  # fmt: skip
def test_the_certificate_is_checked_by_name_though_we_connect_by_number(tls_server, certificate, host, sentence):
    host_port = f"{host}:{tls_server.port}"
    trust = ssl.create_default_context(cafile=str(certificate / "cert"))
    resolver = names(sounds_example="127.0.0.1", other_example="127.0.0.1")
    with Fetcher(allowed_hosts=[host_port], resolver=resolver, tls=trust) as fetcher:
        if sentence is None:
            assert [fetcher.fetch(f"https://{host_port}/a.wav") for _ in range(3)] == [DATA] * 3
            assert tls_server.connections == 1
        else:
            assert reason(fetcher, f"https://{host_port}/a.wav").startswith(sentence)


def test_a_certificate_that_nobody_signed_is_refused(tls_server):
    host_port = f"sounds.example:{tls_server.port}"
    with Fetcher(allowed_hosts=[host_port], resolver=names(sounds_example="127.0.0.1")) as fetcher:
        assert "not valid (self-signed certificate)" in reason(fetcher, f"https://{host_port}/a.wav")


def test_a_handshake_that_never_ends_is_cut_off():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host_port = f"127.0.0.1:{listener.getsockname()[1]}"
        with Fetcher(allowed_hosts=[host_port], limits=quick(connect_s=0.2, tries=1)) as fetcher:
            assert reason(fetcher, f"https://{host_port}/") == "the server did not answer within 0.2 s"


# -- files -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    sounds_folder = tmp_path / "sounds"
    (sounds_folder / "sub").mkdir(parents=True)
    (sounds_folder / "a.wav").write_bytes(DATA)
    (sounds_folder / "sub" / "é 1.wav").write_bytes(DATA)
    (tmp_path / "secret.txt").write_bytes(b"secret")
    return sounds_folder


@pytest.mark.parametrize("url", ["demo:a.wav", "DEMO:a.wav", "demo:/a.wav", "demo:sub/é 1.wav", "demo:sub/../a.wav"])
def test_a_file_of_a_named_folder_is_read(folder, url):
    with Fetcher(folders={"demo": folder}) as fetcher:
        assert fetcher.fetch(url) == DATA


@pytest.mark.parametrize("name", ["../secret.txt", "sub/../../secret.txt", "link.txt", "linked/secret.txt"])
def test_nothing_outside_the_folder_is_read(folder, name):
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    (folder / "linked").symlink_to(folder.parent)
    with Fetcher(folders={"demo": folder}) as fetcher:
        assert reason(fetcher, f"demo:{name}") == f"{name!r} lies outside the folder"


def test_a_link_within_the_folder_is_read(folder):
    (folder / "link.wav").symlink_to(folder / "a.wav")
    with Fetcher(folders={"demo": folder}) as fetcher:
        assert fetcher.fetch("demo:link.wav") == DATA


@pytest.mark.parametrize("name", ["fifo", "sub", "", "."])
def test_what_is_not_a_file_is_not_read(folder, name):
    os.mkfifo(folder / "fifo")
    with Fetcher(folders={"demo": folder}) as fetcher:
        assert reason(fetcher, f"demo:{name}") == f"{name!r} is not a file"


@pytest.mark.parametrize("name", ["gone.wav", "a\0.wav", "x" * 5_000])
def test_a_file_that_is_not_there_says_so(folder, name):
    with Fetcher(folders={"demo": folder}) as fetcher:
        assert reason(fetcher, f"demo:{name}") == f"there is no file {name!r} in the folder"


def test_a_file_that_is_too_large_is_an_error(folder):
    with Fetcher(folders={"demo": folder}, limits=quick(max_bytes=1_000)) as fetcher:
        assert reason(fetcher, "demo:a.wav") == "larger than 1,000 bytes"


def test_a_scheme_without_a_folder_is_refused():
    with Fetcher() as fetcher:
        assert "only http:// and https://" in reason(fetcher, "demo:a.wav")
