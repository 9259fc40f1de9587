"""`s3://`, `gs://` and `hf://` → an https address, and the headers that open it.

The clouds' own libraries find and refresh credentials, sign requests and look up regions. `Fetcher` then fetches the
bytes like all others, with its guard, its limits and its deadline.

A bucket is read without credentials unless a `Source` of the operator covers it: a table must not use the credentials
that happen to be on a machine. A source without `options` uses these (`AWS_PROFILE`, an instance's role, those of
`gcloud`, `HF_TOKEN`, …).
"""

from __future__ import annotations

import importlib.util
import json
import re
import threading
import urllib.parse
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from hover_core.errors import FetchError
from hover_core.sources import Source, closest_source

PACKAGES: Final = {"s3": "s3fs", "gs": "gcsfs", "hf": "huggingface_hub"}
_SIGNED_S: Final = 900  # seconds that a signed address is valid
_CONTROL = re.compile(r"[\x00-\x1f\x7f]").search
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,221}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")


class FileAddress(NamedTuple):
    """The https address and headers for a file in a bucket."""

    url: str
    headers: dict[str, str]
    where: str  # the bucket in words, for error messages


def unreadable(url: str) -> str:
    """The reason why an address in a bucket cannot be fetched on this machine; empty if it can."""
    scheme = url.partition("://")[0].lower()
    package = PACKAGES[scheme]
    if importlib.util.find_spec(package) is None:
        return f"{scheme}:// addresses need a package that is not installed here: pip install {package}"
    try:
        _parts(url)
    except FetchError as error:
        return str(error)
    return ""


class Buckets:
    """The clouds' file systems, each opened when it is first needed. Safe for threads."""

    def __init__(self, sources: Sequence[Source] = ()) -> None:
        self._sources = [s for s in sources if any(place.scheme in PACKAGES for place in s.places)]
        self._systems: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def endpoints(self) -> set[str]:
        """The `host:port` of the services in the operator's sources, which may be private addresses."""
        endpoints = set()
        for source in self._sources:
            options = json.loads(source.options)
            inner = options.get("client_kwargs")
            for group in (options, inner if isinstance(inner, dict) else {}):
                for name in ("endpoint_url", "endpoint"):
                    parts = urllib.parse.urlsplit(str(group.get(name) or ""))
                    if parts.hostname:
                        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
                        endpoints.add(f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}")
        return endpoints

    def address(self, url: str) -> FileAddress:
        """The https address of a file, valid for some minutes. It may ask the cloud for a token or a region.

        Raises
        ------
        FetchError
            The address names no file, the package is missing, or the source's credentials do not open the bucket.
        """
        scheme, bucket, key = _parts(url)
        if importlib.util.find_spec(PACKAGES[scheme]) is None:
            raise FetchError(unreadable(url))
        source = closest_source(self._sources, scheme, bucket, f"/{key}")
        where = f" ({scheme}://{bucket}" + (")" if source else ", read without credentials: no source names it)")
        try:
            location, headers = _ADDRESS[scheme](self._open(scheme, source), bucket, key)
        except FetchError:
            raise
        except Exception as error:  # each library has its own errors, and their messages may contain secrets
            kind = type(error).__name__
            raise FetchError(f"{scheme}://{bucket} cannot be opened with what its source gives ({kind})") from None
        return FileAddress(location, headers, where)

    def _open(self, scheme: str, source: Source | None) -> Any:
        key = (scheme, source.name if source else "")
        with self._lock:
            if key not in self._systems:
                self._systems[key] = _OPEN[scheme](json.loads(source.options) if source else None)
            return self._systems[key]


def _parts(url: str) -> tuple[str, str, str]:
    """Scheme, bucket and key of an address. The bucket of `hf` is `datasets`, `spaces` or an organisation."""
    scheme, _, rest = url.strip().partition("://")
    scheme = scheme.lower()
    bucket, _, key = rest.partition("/")
    if scheme not in PACKAGES:
        raise FetchError(f"this is no address in a bucket: it looks like {_LIKE['s3']}")
    if _CONTROL(url):
        raise FetchError("the address contains control characters")
    if "::" in url:
        raise FetchError("an address within an address (::) is not read: name the file itself")
    if not (_WORD if scheme == "hf" else _BUCKET).fullmatch(bucket):
        raise FetchError(f"this names no bucket: it looks like {_LIKE[scheme]}")
    folders = {"s3": 0, "gs": 0}.get(scheme, 2 if bucket in ("datasets", "spaces", "models") else 1)
    if not key or key.endswith("/") or key.count("/") < folders:
        raise FetchError(f"this names no file: it looks like {_LIKE[scheme]}")
    if any(segment in (".", "..") for segment in key.split("/")):
        raise FetchError("the address holds . or .. as a folder: name the file itself")
    return scheme, bucket, key


_LIKE: Final = {
    "s3": "s3://bucket/folder/file.wav",
    "gs": "gs://bucket/folder/file.wav",
    "hf": "hf://datasets/organisation/name/file.wav",
}


def _open_s3(options: dict[str, Any] | None) -> Any:
    import fsspec

    # A signature for the wrong region is refused, and newer regions refuse signatures of the old kind.
    arguments = {"anon": options is None, "cache_regions": True, **_plain(options)}
    arguments["config_kwargs"] = {"signature_version": "s3v4", **arguments.get("config_kwargs", {})}
    return fsspec.filesystem("s3", **arguments)


def _at_s3(system: Any, bucket: str, key: str) -> tuple[str, dict[str, str]]:
    return system.sign(f"{bucket}/{key}", expiration=_SIGNED_S), {}


def _open_gs(options: dict[str, Any] | None) -> Any:
    import fsspec

    credentials = {"token": "anon"} if options is None else _plain(options)
    return fsspec.filesystem("gs", **{"project": "", "access": "read_only", **credentials})


def _at_gs(system: Any, bucket: str, key: str) -> tuple[str, dict[str, str]]:
    headers: dict[str, str] = {}
    system.credentials.apply(headers)
    return system.url(f"{bucket}/{key}"), headers


def _open_hf(options: dict[str, Any] | None) -> Any:
    import huggingface_hub

    token = None if options is None else options.get("token") or huggingface_hub.get_token()
    return {"endpoint": None, **(options or {}), "token": token}


def _at_hf(system: Any, bucket: str, key: str) -> tuple[str, dict[str, str]]:
    import huggingface_hub

    try:
        uri = huggingface_hub.parse_hf_uri(f"hf://{bucket}/{key}")
    except ValueError as error:
        raise FetchError(f"this names no file: it looks like {_LIKE['hf']}") from error
    if not uri.path_in_repo or uri.type not in ("model", "dataset", "space"):
        raise FetchError(f"this names no file: it looks like {_LIKE['hf']}")
    url = huggingface_hub.hf_hub_url(
        uri.id,
        uri.path_in_repo,
        repo_type=uri.type,
        revision=uri.revision,
        endpoint=system["endpoint"],
    )
    return url, {"Authorization": f"Bearer {system['token']}"} if system["token"] else {}


def _plain(options: dict[str, Any] | None) -> dict[str, Any]:
    # a new instance: fsspec would return one that other code has opened with the same options
    return {**(options or {}), "skip_instance_cache": True, "use_listings_cache": False}


_OPEN = {"s3": _open_s3, "gs": _open_gs, "hf": _open_hf}
_ADDRESS = {"s3": _at_s3, "gs": _at_gs, "hf": _at_hf}
