"""`s3://`, `gs://` and `hf://`, through their own libraries and through real servers on loopback.

The S3 server checks the signature as Amazon documents it (Signature Version 4, by query); Google's and Hugging Face's
check the token. Amazon, Google and Hugging Face themselves are not asked.
"""

import hashlib
import hmac
import importlib.util
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote

import google.auth.jwt
import pandas as pd
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from hover_core.errors import FetchError
from hover_core.fetching import buckets
from hover_core.fetching.fetcher import Fetcher
from hover_core.fetching.transport import FetchLimits
from hover_core.sources import read_sources
from hover_core.tables import intake as tables
from hover_core.tables import rows
from tests import sounds
from tests.servers import Fault, SoundServer

WAV = sounds.encode(sounds.tone(440, 0.2))
KEY, SECRET, TOKEN = "AKIDEXAMPLE", "s3cr3t/of+the=operator", "hf_s3cr3t"


def signed_by(secret: str, region: str):
    """Whether a GET carries a valid signature of `secret`; docs.aws.amazon.com, “Signature calculations: query”."""

    def sign(key: bytes, text: str) -> bytes:
        return hmac.new(key, text.encode(), hashlib.sha256).digest()

    def opens(path: str, headers) -> bool:
        path, _, query = path.partition("?")
        given = dict(parse_qsl(query, keep_blank_values=True))
        signature = given.pop("X-Amz-Signature", "")
        if not signature or given["X-Amz-SignedHeaders"] != "host" or "authorization" in headers:
            return False
        _, day, *_ = given["X-Amz-Credential"].split("/")
        canonical = "&".join(f"{quote(name, safe='')}={quote(given[name], safe='')}" for name in sorted(given))
        asked = "\n".join(["GET", path, canonical, f"host:{headers['host']}", "", "host", "UNSIGNED-PAYLOAD"])
        scope = f"{day}/{region}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", given["X-Amz-Date"], scope, hashlib.sha256(asked.encode()).hexdigest()])
        key = f"AWS4{secret}".encode()
        for part in (day, region, "s3", "aws4_request"):
            key = sign(key, part)
        return hmac.compare_digest(sign(key, text).hex(), signature)

    return opens


def bearer(token):
    return lambda _, headers: headers.get("authorization") == f"Bearer {token}"


def s3(server, **more):
    options = {"key": KEY, "secret": SECRET, "endpoint_url": server.url("").rstrip("/"), **more}
    return read_sources(json.dumps({"mine": {"hosts": ["s3://mine/clips/"], "options": options}}))


@pytest.fixture(autouse=True)
def no_credentials_of_this_machine(monkeypatch, tmp_path):
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_a_private_s3_bucket_is_read_with_the_operators_key(region):
    files = {"/mine/clips/a%20b%231.wav": WAV}
    with SoundServer(files, opens=signed_by(SECRET, region)) as server:
        given = s3(server, client_kwargs={"region_name": region})
        with Fetcher(sources=given) as fetcher:  # the operator's endpoint needs no further word to be allowed
            data = fetcher.fetch("s3://mine/clips/a b#1.wav")

        [(path, _)] = server.requests
    assert data == WAV
    assert SECRET not in path


def test_a_wrong_key_is_a_failure_in_words_without_the_signature():
    with SoundServer({"/mine/clips/a.wav": WAV}, opens=signed_by("another", "us-east-1")) as server:
        with Fetcher(sources=s3(server)) as fetcher:
            with pytest.raises(FetchError) as failure:
                fetcher.fetch("s3://mine/clips/a.wav")

    assert str(failure.value) == "HTTP 403: the server does not allow it; has the link expired? (s3://mine)"


@pytest.mark.parametrize("url", ["s3://mine/other/a.wav", "s3://other/clips/a.wav"])
def test_the_operators_key_is_used_for_its_bucket_alone(url, monkeypatch):
    with SoundServer({"/mine/clips/a.wav": WAV}, opens=signed_by(SECRET, "us-east-1")) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url("").rstrip("/"))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        with Fetcher(sources=s3(server)) as fetcher:
            with pytest.raises(FetchError, match="read without credentials: no source names it"):
                fetcher.fetch(url)

        [(path, headers)] = server.requests
    assert "Amz" not in path
    assert "Authorization" not in headers


def test_a_source_without_options_uses_the_credentials_of_the_machine(monkeypatch):
    with SoundServer({"/mine/a.wav": WAV}, opens=signed_by(SECRET, "us-east-1")) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url("").rstrip("/"))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        given = read_sources('{"all": {"hosts": ["s3://"]}}')
        with Fetcher(sources=given, allowed_hosts=[server.host_port]) as fetcher:
            assert fetcher.fetch("s3://mine/a.wav") == WAV


def test_a_bucket_is_held_to_the_same_limits():
    limits = FetchLimits(max_bytes=1_000, read_s=1.0, total_s=1.5, tries=1)
    with SoundServer({"/mine/clips/big.wav": b"x" * 1_001, "/mine/clips/slow.wav": b"x" * 500}) as server:
        server.faults["/mine/clips/slow.wav"] = Fault(drip_body_s=0.1)
        server.faults["/mine/clips/endless.wav"] = Fault(endless=True)
        with Fetcher(sources=s3(server), limits=limits) as fetcher:
            begun = time.monotonic()
            reasons = []
            for name in ("big", "endless", "slow"):
                with pytest.raises(FetchError) as failure:
                    fetcher.fetch(f"s3://mine/clips/{name}.wav")
                reasons.append(str(failure.value))
            took_s = time.monotonic() - begun

    assert reasons[:2] == ["larger than 1,000 bytes"] * 2
    assert "not finished after 1.5 s" in reasons[2]
    assert took_s < 10


def test_a_busy_bucket_is_asked_again():
    with SoundServer({"/mine/clips/a.wav": WAV}) as server:
        server.faults["/mine/clips/a.wav"] = Fault(status=503, times=2)
        with Fetcher(sources=s3(server)) as fetcher:
            assert fetcher.fetch("s3://mine/clips/a.wav") == WAV


class TokenServer:
    """Gives out TOKEN for the signed word of a service account, as oauth2.googleapis.com does."""

    def __init__(self, public_key) -> None:
        outer, self.asked = self, 0

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                claims = google.auth.jwt.decode(body["assertion"], certs=public_key)
                assert claims["scope"].endswith("devstorage.read_only")
                outer.asked += 1
                answer = json.dumps({"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/token"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def test_google_storage_is_read_with_a_service_account_of_the_operator():
    path = "/download/storage/v1/b/mine/o/clips%2Fa%20b.wav"
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding = serialization.Encoding.PEM
    public = private_key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    private = private_key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    with TokenServer(public) as tokens, SoundServer({path: WAV}, opens=bearer(TOKEN)) as server:
        account = {"type": "service_account", "client_email": "me@example.org", "private_key": private,
                   "token_uri": tokens.url}  # fmt: skip
        options = {"token": account, "endpoint_url": server.url("").rstrip("/")}
        given = read_sources(json.dumps({"g": {"hosts": ["gs://mine"], "options": options}}))
        with Fetcher(sources=given) as fetcher:
            data = [fetcher.fetch("gs://mine/clips/a b.wav") for _ in range(2)]

        asked = [path for path, _ in server.requests]
    assert data == [WAV, WAV]
    assert asked == [f"{path}?alt=media"] * 2
    assert tokens.asked == 1


def test_hugging_face_is_read_with_the_operators_token_which_its_storage_does_not_get():
    path = "/datasets/org/repo/resolve/v1/clips/a%20b.wav"
    with SoundServer({"/blob": WAV}) as storage, SoundServer({path: WAV}, opens=bearer(TOKEN)) as server:
        server.faults[path] = Fault(redirect="/api/moved", status=307)
        server.faults["/api/moved"] = Fault(redirect=storage.url("/blob"))
        options = {"token": TOKEN, "endpoint": server.url("").rstrip("/")}
        given = read_sources(json.dumps({"h": {"hosts": ["hf://datasets/org/repo"], "options": options}}))
        with Fetcher(sources=given, allowed_hosts=[storage.host_port]) as fetcher:
            data = fetcher.fetch("hf://datasets/org/repo@v1/clips/a b.wav")

        sent = [headers.get("Authorization") for _, headers in (*server.requests, *storage.requests)]
    assert data == WAV
    assert sent == [f"Bearer {TOKEN}", f"Bearer {TOKEN}", None]


def test_a_service_that_sends_us_to_another_machine_inside_is_refused():
    with SoundServer({"/a.wav": WAV}) as inside, SoundServer({}) as server:
        server.faults["/mine/clips/a.wav"] = Fault(redirect=inside.url("/a.wav"))
        with Fetcher(sources=s3(server)) as fetcher:
            with pytest.raises(FetchError, match=r"the server redirects to 127\.0\.0\.1"):
                fetcher.fetch("s3://mine/clips/a.wav")

        assert inside.requests == []


REFUSED = [
    ("s3://mine", "names no file"),
    ("s3://mine/", "names no file"),
    ("s3://mine/folder/", "names no file"),
    ("s3:///a.wav", "names no bucket"),
    ("s3://MINE/a.wav", "names no bucket"),
    ("s3://me:pw@mine/a.wav", "names no bucket"),
    ("s3://mine:80/a.wav", "names no bucket"),
    ("s3:mine/a.wav", "no address in a bucket"),
    ("s3://mine/../a.wav", "holds . or .. as a folder"),
    ("gs://mine/a/./b.wav", "holds . or .. as a folder"),
    ("s3://mine/a.zip::file:///etc/passwd", "an address within an address"),
    ("hf://datasets/a.wav", "names no file"),
    ("hf://org/a.wav", "names no file"),
    ("hf://datasets/org/repo", "names no file"),
    ("hf://buckets/org/name/a.wav", "names no file"),
]


@pytest.mark.parametrize(("url", "words"), REFUSED)
def test_what_is_no_file_in_a_bucket_is_said_before_anything_is_asked(url, words):
    with Fetcher() as fetcher:
        with pytest.raises(FetchError, match=words):
            fetcher.fetch(url)


@pytest.mark.parametrize("url", ["memory://a.wav", "file:///etc/passwd", "simplecache::s3://mine/a.wav", "zip://a.zip",
                                 "s3a://mine/a.wav", "gcs://mine/a.wav", "github://a", "local://a"])  # fmt: skip
def test_no_other_file_system_is_reached(url):
    with Fetcher() as fetcher:
        with pytest.raises(FetchError, match="only http:// and https:// addresses are fetched"):
            fetcher.fetch(url)


def test_a_table_of_buckets_is_read_where_their_packages_are():
    urls = [
        *("s3://mine/a b.wav", "gs://mine/a.wav", "hf://datasets/org/repo/a.wav"),
        "hf://datasets/a",
        "memory://a.wav",
    ]
    intake = tables.plan_intake(rows.frame_table(pd.DataFrame({"audio": urls})), tables.Columns(audio="audio"))

    assert [clip.url for clip in intake.clips] == urls[:3]
    assert [(bad.row, bad.reason.split(":")[0]) for bad in intake.refused] == [
        (5, "this names no file"), (6, "addresses that start with memory"),
    ]  # fmt: skip


@pytest.mark.parametrize(("url", "package"), [("s3://m1/a.wav", "s3fs"), ("gs://m1/a.wav", "gcsfs")])
def test_a_table_of_buckets_without_their_package_is_told_which_to_install(monkeypatch, url, package):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == package else found(name, *rest)
    )
    intake = tables.plan_intake(rows.frame_table(pd.DataFrame({"audio": [url]})), tables.Columns(audio="audio"))
    with Fetcher() as fetcher:
        with pytest.raises(FetchError) as failure:
            fetcher.fetch(url)

    sentence = f"{url[:5]} addresses need a package that is not installed here: pip install {package}"
    assert [bad.reason for bad in intake.refused] == [sentence]
    assert str(failure.value) == sentence


def test_credentials_that_cannot_be_used_are_said_by_their_kind_alone():
    given = read_sources(json.dumps({"g": {"hosts": ["gs://mine"], "options": {"token": {"type": "s3cr3t"}}}}))
    with pytest.raises(FetchError) as failure:
        buckets.Buckets(given).address("gs://mine/a.wav")

    assert str(failure.value) == "gs://mine cannot be opened with what its source gives (KeyError)"
    assert failure.value.__cause__ is None
