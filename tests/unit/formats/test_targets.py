import json
from collections.abc import Iterator
from typing import Any

import pytest

from clusterdns.formats.targets import TargetsError, read_targets


def target(number: int, **more: Any) -> dict[str, Any]:
    return {
        "discoveredLabels": {"__address__": f"10.0.0.{number}:9253", "odd": 'a "quoted", }]{ value'},
        "labels": {"pod": f"cache-{number}"},
        "scrapePool": "serviceMonitor/monitoring/node-local-dns/0",
        "scrapeUrl": f"http://10.0.0.{number}:9253/metrics",
        "lastError": "",
        "health": "up",
        **more,
    }


def pieces(*targets: dict[str, Any], size: int) -> Iterator[bytes]:
    answer = {"status": "success", "data": {"activeTargets": list(targets), "droppedTargets": []}}
    data = json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 16])
def test_targets_come_in_pieces_of_any_size(size: int) -> None:
    down = target(2, health="down", lastError="connection refused: wörld")
    new = target(3, health="unknown", scrapeUrl="https://[fd00::3]/metrics")
    found = list(read_targets(pieces(target(1), down, new, size=size)))
    assert [(one.host, one.port, one.healthy) for one in found] == [
        ("10.0.0.1", 9253, True),
        ("10.0.0.2", 9253, False),
        ("fd00::3", 443, None),
    ]
    assert found[1].error == "connection refused: wörld"
    assert found[0].pool == "serviceMonitor/monitoring/node-local-dns/0"
    assert found[0].labels == {"pod": "cache-1"}


@pytest.mark.parametrize("size", [1, 50, 1 << 16])
def test_an_answer_may_be_laid_out(size: int) -> None:
    answer = {"status": "success", "data": {"activeTargets": [target(1), target(2)]}}
    data = json.dumps(answer, indent="\t").replace("\n", "\r\n").encode()
    found = list(read_targets(data[at : at + size] for at in range(0, len(data), size)))
    assert [target.host for target in found] == ["10.0.0.1", "10.0.0.2"]


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://[fd00::1/metrics", "", 0),
        ("http://10.0.0.1:99999/metrics", "10.0.0.1", 0),
        (None, "", 0),
        ("", "", 0),
    ],
)
def test_an_address_that_is_none(url: str | None, host: str, port: int) -> None:
    (broken,) = read_targets(pieces(target(1, scrapeUrl=url), size=100))
    assert (broken.host, broken.port, broken.labels) == (host, port, {"pod": "cache-1"})


@pytest.mark.parametrize("value", [None, 7, {}, []])
def test_fields_of_another_type_are_taken_for_none(value: Any) -> None:
    fields = dict.fromkeys(("scrapePool", "scrapeUrl", "health", "lastError", "labels"), value)
    (odd,) = read_targets(pieces(target(1, **fields), size=100))
    assert (odd.pool, odd.host, odd.healthy, odd.error, odd.labels) == ("", "", None, "", {})


@pytest.mark.parametrize("item", ["7", '"text"', "[]", "null"])
def test_targets_are_objects(item: str) -> None:
    with pytest.raises(TargetsError, match="among the targets is"):
        list(read_targets([b'{"activeTargets":[%s]}' % item.encode()]))


def test_no_targets_are_none() -> None:
    assert list(read_targets(pieces(size=10))) == []


def test_an_answer_that_breaks_off_is_refused() -> None:
    whole = b"".join(pieces(target(1), target(2), size=1000))
    with pytest.raises(TargetsError, match="breaks off"):
        list(read_targets([whole[:-60]]))


@pytest.mark.parametrize("text", [b"<html>login</html>", b"", b'{"status":"error"}', b"x" * 10_000])
def test_what_is_no_list_of_targets_is_refused(text: bytes) -> None:
    with pytest.raises(TargetsError, match="no list of targets but"):
        list(read_targets([text]))
