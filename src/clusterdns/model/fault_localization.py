"""Fault localization: what exchanges that failed have in common, and those that did not fail have not.

A fault is described by few attributes joined by "and", as "transport udp, DNS pod on another node". Of the
descriptions that almost only match failures, the one that separates best is taken, then the best for what it
leaves, and so on; faults that hit a share only, such as random loss, come last. Of a fault that hits most,
chance makes parts that always fail: fewer terms are taken where they separate better than all of these, and
most of what these leave fails, too.

"Best" is the log-likelihood ratio of two failure rates, inside and outside, against one rate for all (the
G-test: McDonald, Handbook of Biological Statistics, 3rd edition), and a description must be better than
chance would make the best of all those that were tried.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Exchanges = Mapping[tuple[Hashable, ...], tuple[int, int]]
"""The values of all attributes -> how many exchanges with these values failed, and how many there were."""

MOST_TERMS = 3
MOST_DESCRIPTIONS = 4
ALMOST_ALL = 0.95
"""The share of failures from which on a description counts as one of a fault that hits always."""

_CHANCE = 12.0  # a description that is due to chance is expected in one of e^12 worlds
_TERM_COST = 10.0  # by how much another term must improve a description of a fault that hits a share only

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Attribute:
    """Something that exchanges differ in.

    Attributes:
        name: In a word or two.
        ordered: Whether its values are numbers, and faults hit those from some number on.
    """

    name: str
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """A condition on one attribute.

    Attributes:
        attribute: Its name.
        value: What it must be; of an ordered attribute, what it must be at least.
        at_least: Whether the attribute is ordered.
    """

    attribute: str
    value: Hashable
    at_least: bool = False

    def __str__(self) -> str:
        return f"{self.attribute}{' at least' if self.at_least else ''} {self.value}"


Terms = tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Description:
    """What some failures have in common.

    What earlier descriptions match is not counted.

    Attributes:
        terms: All must hold; none where the failures have nothing in common that others have not.
        failed: Exchanges that it matches and that failed.
        matched: Exchanges that it matches.
        failed_elsewhere: Exchanges that it does not match and that failed.
        elsewhere: Exchanges that it does not match.
    """

    terms: tuple[Term, ...]
    failed: int
    matched: int
    failed_elsewhere: int
    elsewhere: int

    @property
    def rate(self) -> float:
        """The share of failures among what it matches."""
        return self.failed / self.matched

    @property
    def always(self) -> bool:
        """Whether it matches failures almost only."""
        return self.rate >= ALMOST_ALL

    def value(self, attribute: str) -> Hashable | None:
        """Return what an attribute must be; None where that does not matter."""
        return next((term.value for term in self.terms if term.attribute == attribute), None)

    def __str__(self) -> str:
        what = ", ".join(map(str, self.terms)) or "all"
        elsewhere = f"; elsewhere {self.failed_elsewhere:,} of {self.elsewhere:,}" if self.elsewhere else ""
        return f"{what}: {self.failed:,} of {self.matched:,}{elsewhere}"


def tallied(exchanges: Iterable[tuple[tuple[Hashable, ...], bool]]) -> Exchanges:
    """Return exchanges by their attributes' values.

    Args:
        exchanges: The values of all attributes, and whether it failed.
    """
    pairs = list(exchanges)
    total = Counter(values for values, _ in pairs)
    failed = Counter(values for values, has_failed in pairs if has_failed)
    return {values: (failed[values], count) for values, count in total.items()}


def localize(attributes: Sequence[Attribute], exchanges: Exchanges) -> list[Description]:
    """Return the smallest descriptions that separate what failed from what did not.

    Args:
        attributes: Those that are preferred where several describe the same, first.
        exchanges: With the values in the attributes' order; None where an attribute does not apply.

    Returns:
        At most `MOST_DESCRIPTIONS`, and one without terms for failures that these leave; none where nothing
        failed.
    """
    table = _Table.of(attributes, exchanges)
    descriptions: list[Description] = []
    while table.failed.any():
        for terms in table.described(MOST_DESCRIPTIONS - len(descriptions)):
            matches = table.matches(terms)
            descriptions.append(
                Description(
                    terms,
                    failed=int(table.failed[matches].sum()),
                    matched=int(table.total[matches].sum()),
                    failed_elsewhere=int(table.failed[~matches].sum()),
                    elsewhere=int(table.total[~matches].sum()),
                )
            )
            table = table.where(~matches)
    return descriptions


@dataclass(frozen=True, slots=True)
class _Table:
    """Exchanges as columns of numbers.

    Attributes:
        attributes: Of which there is a column each.
        values: Attribute by attribute, what the numbers stand for, in order; number 0 is "does not apply".
        codes: The numbers, a row for each attribute.
        failed: How many exchanges with these values failed.
        total: How many there were.
    """

    attributes: Sequence[Attribute]
    values: Sequence[Sequence[Hashable]]
    codes: _Ints
    failed: _Ints
    total: _Ints

    @classmethod
    def of(cls, attributes: Sequence[Attribute], exchanges: Exchanges) -> "_Table":
        values: list[list[Hashable]] = []
        codes = np.empty((len(attributes), len(exchanges)), dtype=np.int64)
        for index, attribute in enumerate(attributes):
            column = [row[index] for row in exchanges]
            known = set(column) - {None}
            ordered = sorted(known, key=None if attribute.ordered else str)  # type: ignore[type-var, arg-type] # numbers
            values.append([None, *ordered])
            numbers = {value: number for number, value in enumerate(values[-1])}
            codes[index] = [numbers[value] for value in column]
        counts = np.array(list(exchanges.values()), dtype=np.int64).reshape(-1, 2)
        return cls(attributes, values, codes, counts[:, 0], counts[:, 1])

    def where(self, rows: NDArray[np.bool_]) -> "_Table":
        return _Table(self.attributes, self.values, self.codes[:, rows], self.failed[rows], self.total[rows])

    def matches(self, terms: Sequence[Term]) -> NDArray[np.bool_]:
        rows = np.ones(len(self.failed), dtype=np.bool_)
        for term in terms:
            index = next(i for i, attribute in enumerate(self.attributes) if attribute.name == term.attribute)
            number = self.values[index].index(term.value)
            rows &= self.codes[index] >= number if term.at_least else self.codes[index] == number
        return rows

    def described(self, most: int) -> list[Terms]:
        """Return the next descriptions, one at least; one without terms where there is no pattern."""
        rest, gain_apart = self, 0.0
        apart: list[Terms] = []
        ending: list[Terms] = []
        while not ending and rest.failed.any() and len(apart) < most:
            always, in_part = rest.best()
            if always:
                apart.append(always)
                gain_apart += rest.gain(always)
                rest = rest.where(~rest.matches(always))
            else:
                ending = [in_part]
        first = apart[0] if apart else ()
        fewer = (terms for size in range(1, len(first)) for terms in combinations(first, size))
        whole = max(fewer, key=self.gain, default=())
        if self.gain(whole) > gain_apart:
            left = rest.where(rest.matches(whole))
            if 2 * left.failed.sum() > left.total.sum():
                return [whole]
        return [*apart, *ending] or [()]

    def gain(self, terms: Terms) -> float:
        """Return G of a split into what matches and what does not, 0 where the former fails no more often."""
        matches = self.matches(terms)
        failed, total = self.failed.astype(np.float64), self.total.astype(np.float64)
        gain = _gain(failed[matches].sum(), total[matches].sum(), int(failed.sum()), int(total.sum()))
        return float(gain)

    def best(self) -> tuple[Terms, Terms]:
        """Return the best description that almost only matches failures, and the best one of all.

        Either has no terms where none is better than chance would make it.
        """
        all_failed, all_total = int(self.failed.sum()), int(self.total.sum())
        if all_failed >= ALMOST_ALL * all_total:
            return (), ()
        tried = 0
        always: tuple[float, Terms] = (0.0, ())
        in_part: tuple[float, Terms] = (0.0, ())
        for size in range(1, MOST_TERMS + 1):
            for chosen in combinations(range(len(self.attributes)), size):
                failed, total = self._grouped(chosen)
                tried += int(np.count_nonzero(total))
                gain = _gain(failed, total, all_failed, all_total)
                pure = np.where(failed >= ALMOST_ALL * np.maximum(total, 1), gain, 0.0)
                always = self._better(always, chosen, pure, 0.0)
                in_part = self._better(in_part, chosen, gain, _TERM_COST * (size - 1))
        least = 2 * (math.log(max(tried, 1)) + _CHANCE)
        return always[1] if always[0] > least else (), in_part[1] if in_part[0] > least else ()

    def _grouped(self, chosen: Sequence[int]) -> tuple[_Floats, _Floats]:
        """Return failures and exchanges by the values of some attributes, those that apply."""
        shape = tuple(len(self.values[index]) for index in chosen)
        flat = np.ravel_multi_index(tuple(self.codes[index] for index in chosen), shape)
        groups = []
        for counted in (self.failed, self.total):
            weights = counted.astype(np.float64)
            sums: _Floats = np.bincount(flat, weights, math.prod(shape)).reshape(shape).astype(np.float64)
            for axis, index in enumerate(chosen):
                sums = np.delete(sums, 0, axis)
                if self.attributes[index].ordered:
                    sums = np.flip(np.cumsum(np.flip(sums, axis), axis), axis)
            groups.append(sums)
        return groups[0], groups[1]

    def _better(
        self,
        known: tuple[float, Terms],
        chosen: Sequence[int],
        scores: _Floats,
        cost: float,
    ) -> tuple[float, Terms]:
        """Return what is better: the description known so far, or the best one of these."""
        if not scores.size or scores.max() - cost <= known[0] + 1e-9:
            return known
        numbers = np.unravel_index(int(scores.argmax()), scores.shape)
        terms = tuple(
            Term(
                self.attributes[index].name,
                self.values[index][int(number) + 1],
                at_least=self.attributes[index].ordered,
            )
            for index, number in zip(chosen, numbers, strict=True)
        )
        return float(scores.max()) - cost, terms


def _gain(failed: _Floats, total: _Floats, all_failed: int, all_total: int) -> _Floats:
    """Return G of a split of all exchanges into these and the others, 0 where these fail no more often."""
    others_failed, others = all_failed - failed, all_total - total
    split = _log_likelihood(failed, total) + _log_likelihood(others_failed, others)
    whole = _log_likelihood(np.array(float(all_failed)), np.array(float(all_total)))
    return np.where(failed * others > others_failed * total, 2 * (split - whole), 0.0)


def _log_likelihood(failed: _Floats, total: _Floats) -> _Floats:
    """Return the logarithm of the likelihood of failures at their own rate."""
    passed = total - failed
    return np.asarray(_x_log_x(failed) + _x_log_x(passed) - _x_log_x(total))


def _x_log_x(x: _Floats) -> _Floats:
    return x * np.log(np.maximum(x, 1.0))
