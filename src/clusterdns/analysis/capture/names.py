"""Names of the domain name system, from wire format to text."""

from functools import lru_cache


@lru_cache(1 << 16)  # every client asks for the same ones
def text(wire: bytes) -> str:
    """Writes a name without its final dot, as master files do (RFC 1035, 5.1).

    Args:
        wire: Its labels, each behind its length, without the root's.
    """
    labels, at = [], 0
    while at < len(wire):
        end = at + 1 + wire[at]
        labels.append(_label(wire[at + 1 : end]))
        at = end
    return ".".join(labels)


def _label(label: bytes) -> str:
    if label.replace(b"-", b"").replace(b"_", b"").isalnum():
        return label.decode("ascii")
    return "".join(_escaped(octet) for octet in label)


def _escaped(octet: int) -> str:
    character = chr(octet)
    if character in ".\\":
        return f"\\{character}"
    return (
        character if character.isascii() and character.isprintable() and character != " " else f"\\{octet:03}"
    )
