"""The tree of errors. Every message names the thing, its value, and what would be right.

HoverError
├── TableError      a table, a row or a column that cannot be read as clips
├── SoundError      a clip without sound; a recorded value, never the end of a run
│   ├── FetchError      its bytes could not be fetched
│   │   └── RefusedHost     only the operator may allow the address that it leads to
│   └── DecodeError     its bytes are not sound that can be decoded within the limits
├── NotAllowed      this person may not do this
├── NotFound        no such dataset, clip, batch, job or invite
├── Refused         the request makes no sense as it stands (says what would)
└── StoreError      the database cannot be used (says why)
"""


class HoverError(Exception):
    """Root of every error that `hover_core` raises on purpose."""


class TableError(HoverError):
    """A table, a row or a column that cannot be read as clips."""


class SoundError(HoverError):
    """A clip without sound. `str(error)` is the reason, in words an annotator understands."""


class FetchError(SoundError):
    """The bytes behind a URL could not be fetched."""


class RefusedHost(FetchError):
    """The URL leads to an address that only the operator may allow.

    Attributes
    ----------
    host_port : str
        The entry for `allowed_hosts` that would allow it, for example `"127.0.0.1:8000"`.
    redirected : bool
        A redirect led there. Do not offer to allow it: the server chose the address, not the person.
    operator_only : bool
        The owner of a dataset cannot allow it (`dataset_hosts`): it may be a cloud's metadata server, for example.
    """

    def __init__(self, message: str, host_port: str, redirected: bool = False, *, operator_only: bool = False) -> None:
        super().__init__(message)
        self.host_port = host_port
        self.redirected = redirected
        self.operator_only = operator_only


class DecodeError(SoundError):
    """The bytes are not sound that can be decoded within the limits."""


class NotAllowed(HoverError):
    """This person may not do this."""


class NotFound(HoverError):
    """No such dataset, clip, batch, job or invite."""


class Refused(HoverError):
    """The request makes no sense as it stands."""


class StoreError(HoverError):
    """The database cannot be used."""


class Cancelled(Exception):
    """Raised by a progress callback to stop a fit."""
