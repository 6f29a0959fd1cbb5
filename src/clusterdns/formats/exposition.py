"""Prometheus text exposition -> totals by family."""

from collections import defaultdict

from prometheus_client.parser import text_string_to_metric_families


class ExpositionError(ValueError):
    """The text is no exposition; the message says where it goes wrong."""


def totals(text: str) -> dict[str, float]:
    """Return every counter and gauge, all its series added up.

    Args:
        text: A whole page of the text format 0.0.4.

    Returns:
        Sample name, as written, -> sum. Histograms appear as their `_count`, `_sum` and `_bucket` samples.

    Raises:
        ExpositionError: A line cannot be read.
    """
    added: defaultdict[str, float] = defaultdict(float)
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                added[sample.name] += sample.value
    except ValueError as error:
        raise ExpositionError(f"not Prometheus' text format: {error}") from None
    return dict(added)
