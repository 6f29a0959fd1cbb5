"""Prometheus' text exposition format 0.0.4 -> its samples."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from prometheus_client.parser import text_string_to_metric_families

from clusterdns.model.scraping import Labels, Page


class ExpositionError(ValueError):
    """The text is no exposition; the message says where it goes wrong."""


def read(text: str) -> Page:
    """Return the samples of a page.

    Raises:
        ExpositionError: A line cannot be read.
    """
    samples: defaultdict[str, dict[Labels, float]] = defaultdict(dict)
    written = {_name(line) for line in text.encode().split(b"\n")}
    duplicates = []
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                # The parser gives every counter the ending that OpenMetrics wants.
                name = sample.name if sample.name in written else sample.name.removesuffix("_total")
                series, labels = samples[name], frozenset(sample.labels.items())
                if labels in series:
                    inside = ",".join(f'{label}="{value}"' for label, value in sorted(sample.labels.items()))
                    duplicates.append(f"{name}{{{inside}}}")
                series[labels] = sample.value
    except (ValueError, IndexError, KeyError) as error:
        raise ExpositionError(f"not Prometheus' text format: {error}") from None
    return Page(dict(samples), tuple(duplicates))


def totals(text: str) -> dict[str, float]:
    """Return every sample name -> the sum of its series.

    Raises:
        ExpositionError: A line cannot be read.
    """
    page = read(text)
    return {name: sum(series.values()) for name, series in page.samples.items()}


def count_series(chunks: Iterable[bytes]) -> Counter[str]:
    """Return how many series each sample name of a page has; reads no values and keeps no text."""
    counts: Counter[str] = Counter()
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        counts.update(map(_name, lines))
    counts[_name(rest)] += 1
    del counts[""]
    return counts


def _name(line: bytes) -> str:
    """Return the sample's name in a line; "" for a comment or an empty line."""
    name = line.partition(b"{")[0].split(None, 1)[:1]
    return name[0].decode("utf-8", "replace") if name and not name[0].startswith(b"#") else ""
