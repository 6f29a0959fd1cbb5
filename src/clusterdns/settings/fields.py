"""How a setting is declared."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field


def _split(value: object) -> object:
    """Take "a,b", or a list of such, for the list that it writes out."""
    parts = [value] if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        return value
    return tuple(word.strip() for part in parts for word in str(part).split(",") if word.strip())


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]

Rates = Annotated[
    tuple[Annotated[float, Field(gt=0, le=20_000)], ...], BeforeValidator(_split), Field(min_length=1)
]


# Any: like pydantic's Field, it stands where a value of the annotated type belongs.
def setting(text: str, *, source: str, default: object = None, **bounds: Any) -> Any:  # noqa: ANN401
    """Return a field; `source` says where its default comes from."""
    return Field(default=default, description=text, json_schema_extra={"source": source}, **bounds)
