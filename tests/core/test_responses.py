"""Heads of HTTP answers, read as `http.client` reads them, and what it would take for a head."""

import http.client
import socket

import pytest

from hover_core.responses import Response


class Wire:
    """A socket that holds an answer."""

    def __init__(self, data: bytes) -> None:
        here, self._there = socket.socketpair()
        self._there.sendall(data)
        self._there.shutdown(socket.SHUT_WR)
        self.makefile = here.makefile


def read(kind, data):
    response = kind(Wire(data))
    response.begin()
    return response.status, response.length, response.will_close, response.chunked, response.read()


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsound",
    b"HTTP/1.1 200\r\ncontent-length: 5\r\n\r\nsound",
    b"HTTP/1.1 200 OK\nContent-Length:5\n\nsound",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nsou",
    b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nsound",
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nsound",
    b"HTTP/1.1 200 OK\r\n\r\nsound",
    b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 5\r\n\r\nsound",
    b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nsound",
    b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nsound",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n3\r\nsou\r\n2\r\nnd\r\n0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\nContent-Length: 7\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsound",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
    b"HTTP/1.1 200 OK\r\nX-Long: a\r\n b\r\nContent-Length: 5\r\n\r\nsound",
])  # fmt: skip
def test_an_answer_is_read_as_the_standard_library_reads_it(answer):
    assert read(Response, answer) == read(http.client.HTTPResponse, answer)


def test_headers_are_found_by_any_case_and_the_first_of_several_counts():
    response = Response(Wire(b"HTTP/1.1 302 Found\r\nLOCATION: /a\r\nlocation: /b\r\n /c\r\nContent-Length: 0\r\n\r\n"))
    response.begin()

    assert response.headers.get("Location") == "/a"
    assert response.headers.get("Retry-After") is None


def test_interim_answers_are_passed_over():
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

    assert read(Response, 2 * early + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsound")[0] == 200


@pytest.mark.parametrize("answer", [
    b"",
    b"ICY 200 OK\r\n\r\n",
    b"HTTP/2 200\r\n\r\n",
    b"HTTP/1.1 2000 OK\r\n\r\n",
    b"RIFF" + bytes(100),
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 10,
])  # fmt: skip
def test_what_is_no_http_or_has_no_end_is_refused(answer):
    with pytest.raises(http.client.HTTPException):
        read(Response, answer)
