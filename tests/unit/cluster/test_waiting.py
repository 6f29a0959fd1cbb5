import pytest

from clusterdns.cluster.waiting import NotYet, wait_until
from clusterdns.errors import ClusterError, DeadlineExceeded


def test_looks_until_it_is_there() -> None:
    looks = iter(["not", "not yet", "there"])

    def look() -> str:
        if (state := next(looks)) != "there":
            raise NotYet(state)
        return state

    assert wait_until(look, what="it", timeout=5) == "there"


def test_a_deadline_tells_the_last_state_seen() -> None:
    def look() -> None:
        raise NotYet("still Pending")

    with pytest.raises(DeadlineExceeded, match=r"^the pod: not within 0.3 s; last seen: still Pending$"):
        wait_until(look, what="the pod", timeout=0.3)


def test_any_other_error_ends_the_wait() -> None:
    def look() -> None:
        raise ClusterError("gone")

    with pytest.raises(ClusterError, match="gone"):
        wait_until(look, what="it", timeout=5)
