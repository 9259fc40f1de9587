"""The addresses of our own routes. Their endpoints are imported at the first request: the first page comes sooner."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Awaitable, Callable

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pages.server import sign_in

Endpoint = Callable[[Request], Awaitable[Response]]
ADDRESSES: tuple[tuple[str, str, str | Endpoint], ...] = (
    ("GET", "/clips/{dataset}/{position:int}/audio", "audio"),
    ("GET", "/clips/{dataset}/{position:int}/card", "card"),
    ("GET", "/clips/{dataset}/{position:int}/spectrogram", "spectrogram"),
    ("GET", "/map/{embedding:int}", "map"),
    ("GET", "/columns/{dataset}", "columns"),
    ("GET", "/column/{dataset}/{key:path}", "column"),
    ("GET", "/journal/{dataset}", "journal"),
    ("GET", "/assets/{name:path}", "asset"),
    ("GET", "/join", sign_in.join_page),
    ("POST", "/join", sign_in.join),
    ("GET", "/leave", sign_in.leave_page),
    ("POST", "/leave", sign_in.leave),
)


def routes() -> list[Route]:
    """All our routes, below the base address of the app."""
    base = (st.get_option("server.baseUrlPath") or "").strip("/")
    base = f"/{base}" if base else ""
    return [Route(base + path, _endpoint(answer), methods=[method]) for method, path, answer in ADDRESSES]


def _endpoint(name: str | Endpoint) -> Endpoint:
    if not isinstance(name, str):
        return name

    async def endpoint(request: Request) -> Response:
        answers = await run_in_threadpool(importlib.import_module, "pages.server.endpoints")
        answer = answers.ANSWERS[name]
        if inspect.iscoroutinefunction(answer):
            return await answer(request)
        return await run_in_threadpool(answer, request)

    return endpoint
