"""A part of a run: measured when first asked for, once, and remembered even where it fails."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, Self, TypeVar, overload

T_co = TypeVar("T_co", covariant=True)
Owner_contra = TypeVar("Owner_contra", contravariant=True)

_REGISTRY = (
    "_parts"  # in an object's __dict__: name -> what came of the part, and the thread that measures it
)


class part(Generic[Owner_contra, T_co]):  # noqa: N801 - used as a decorator, like functools.cached_property
    """Turn a method into a part of its object.

    Like `functools.cached_property`, with two differences. A failure is remembered as a value is: what
    could not be measured is not tried again for the next check. And threads may ask for the same part at
    the same time: one of them measures, the others wait for what comes of it.
    """

    def __init__(self, measure: Callable[[Owner_contra], T_co]) -> None:
        """Take the method that measures."""
        self._measure = measure
        self.__doc__ = measure.__doc__
        self._name = measure.__name__

    @overload
    def __get__(self, owner: None, kind: type[Owner_contra]) -> Self: ...
    @overload
    def __get__(self, owner: Owner_contra, kind: type[Owner_contra]) -> T_co: ...
    def __get__(self, owner: Owner_contra | None, kind: type[Owner_contra]) -> Self | T_co:
        """Return the part of an object; of the class, this descriptor.

        Raises:
            RuntimeError: the part needs itself to be measured.
        """
        if owner is None:
            return self
        outcomes: dict[str, tuple[Future[T_co], int]] = owner.__dict__.setdefault(_REGISTRY, {})
        mine: Future[T_co] = Future()
        future, thread = outcomes.setdefault(self._name, (mine, threading.get_ident()))
        if future is mine:
            self._settle(owner, mine)
        elif not future.done() and thread == threading.get_ident():
            raise RuntimeError(f"{self._name} needs itself to be measured")
        return future.result()

    def is_measured(self, owner: Owner_contra) -> bool:
        """Return whether the part of `owner` has been measured, and did not fail."""
        future, _ = owner.__dict__.get(_REGISTRY, {}).get(self._name, (None, 0))
        return future is not None and future.done() and future.exception() is None

    def _settle(self, owner: Owner_contra, future: Future[T_co]) -> None:
        try:
            future.set_result(self._measure(owner))
        except BaseException as error:  # noqa: BLE001 - `result` raises it, in every thread that asks
            future.set_exception(error)
