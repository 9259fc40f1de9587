"""Somebody else's words on our pages: shown as they are, never as Markdown."""

from collections.abc import Mapping

_MARKS = set(r"\`*_{}[]()#+-.!|$:~<>&")


def plain(text: str) -> str:
    """A label, name, address or message as Markdown that shows just that text: no images, no links, no maths."""
    shown = " ".join(text.split())
    # a zero-width space keeps the renderer from making links of bare addresses
    shown = shown.replace("://", ":\u200b//").replace("www.", "www\u200b.").replace("@", "\u200b@")
    return "".join(f"\\{character}" if character in _MARKS else character for character in shown)


def count_of(number: int, thing: str) -> str:
    """`1 clip`, `1,200 clips`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def time_goes(shares: Mapping[str, float]) -> str:
    """Where the time of long work goes, so that a person knows what would make it faster; empty if nobody knows yet."""
    words = {"waiting": "waiting for sound", "decoding": "decoding", "computing": "computing"}
    parts = [f"{word} {shares[part]:.0%}" for part, word in words.items() if part in shares]
    return f"Time goes to {', '.join(parts)}." if parts else ""
