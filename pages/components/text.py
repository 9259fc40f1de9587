"""Texts for pages: text from outside, which is never shown as Markdown, and counts in words."""

from collections.abc import Mapping

_MARKS = set(r"\`*_{}[]()#+-.!|$:~<>&")


def plain(text: str) -> str:
    """Escape a label, name, address or message, so that Markdown shows it as plain text, without links or images.

    Examples
    --------
    >>> print(plain("*a*  [b]"))
    \\*a\\* \\[b\\]
    """
    line = " ".join(text.split())
    # a zero-width space keeps the renderer from turning bare addresses into links
    line = line.replace("://", ":\u200b//").replace("www.", "www\u200b.").replace("@", "\u200b@")
    return "".join(f"\\{character}" if character in _MARKS else character for character in line)


def count_of(number: int, thing: str) -> str:
    """A number with its noun, in the plural if need be.

    Examples
    --------
    >>> count_of(1, "clip"), count_of(1200, "clip")
    ('1 clip', '1,200 clips')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def time_goes(shares: Mapping[str, float]) -> str:
    """A sentence that says on which steps a job spends its time; empty if that is not known yet.

    Parameters
    ----------
    shares
        Share of the time by step: `waiting`, `decoding`, `computing` [0 to 1].

    Examples
    --------
    >>> time_goes({"waiting": 0.75, "computing": 0.25})
    'Time goes to waiting for sound 75%, computing 25%.'
    """
    words = {"waiting": "waiting for sound", "decoding": "decoding", "computing": "computing"}
    parts = [f"{word} {shares[part]:.0%}" for part, word in words.items() if part in shares]
    return f"Time goes to {', '.join(parts)}." if parts else ""
