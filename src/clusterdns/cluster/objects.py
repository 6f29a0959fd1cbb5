"""Parts of API objects, whatever stands there: a part that is missing, null or of another type is empty.

An API server checks its own kinds, but not what a CustomResourceDefinition leaves open, and objects come from
old servers and through aggregated ones, too.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from clusterdns.cluster.api import Object


def part(thing: object, *path: str) -> object:
    """Return what stands at a path of names; None where nothing does."""
    for name in path:
        if not isinstance(thing, dict):
            return None
        thing = thing.get(name)
    return thing


def mapping(thing: object, *path: str) -> Object:
    """Return an object at a path; an empty one where none is."""
    found = part(thing, *path)
    return found if isinstance(found, dict) else {}


def items(thing: object, *path: str) -> Iterator[Object]:
    """Yield the objects of a list at a path."""
    found = part(thing, *path)
    if isinstance(found, list | tuple):
        yield from (item for item in found if isinstance(item, dict))


def texts(thing: object, *path: str) -> list[str]:
    """Return the texts of a list at a path; numbers count as texts."""
    found = part(thing, *path)
    if not isinstance(found, list | tuple):
        return []
    return [str(item) for item in found if isinstance(item, str | int | float)]


def text(thing: object, *path: str) -> str:
    """Return a text at a path, or a number as one; "" where neither is."""
    found = part(thing, *path)
    return str(found) if isinstance(found, str | int | float) and not isinstance(found, bool) else ""


def labels(thing: object, *path: str) -> dict[str, str]:
    """Return the texts of an object at a path, by name: labels, annotations, a ConfigMap's data."""
    return {str(name): value for name, value in mapping(thing, *path).items() if isinstance(value, str)}


def number(thing: Mapping[str, Any], *path: str) -> int | None:
    """Return a whole number at a path; None where none is."""
    found = part(thing, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def name_of(thing: object) -> str:
    """Return an object's name."""
    return text(thing, "metadata", "name")
