import pytest

from clusterdns.cli import main


def table(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_the_table_goes_over_cluster_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capacity", "--nodes", "40", "--cores", "640"]) == 0
    rows = [row for row in table(capsys) if row[0].isdigit()]
    assert [row[0] for row in rows] == ["5", "10", "20", "40", "80", "160", "320"]
    assert rows[3] == ["40", "640", "3", "60", "4000", "-3940", "2", "200", "<"]


def test_a_fixed_number_of_replicas_needs_no_autoscaler(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--replicas", "12", "--tcp-limit", "30", "--peak-queries-per-node", "10"]
    assert main(["capacity", "--nodes", "17", "--cores", "68", *arguments]) == 0
    said = capsys.readouterr().out
    assert "12 replicas, whatever the size" in said
    assert "children are short from 37 nodes on, at 10 concurrent queries per node and 30 per replica" in said


@pytest.mark.parametrize("value", ["0", "-1", "x", "1.5", "inf", "9" * 400])
@pytest.mark.parametrize("name", ["nodes", "cores", "tcp-limit", "replicas", "peak-queries-per-node"])
def test_numbers_that_mean_nothing_are_refused(
    name: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["capacity", "--nodes=3", "--cores=12", f"--{name}={value}"]) == 4
    said = capsys.readouterr()
    assert f"--{name}: {value!r} is no whole number from 1 on\n" in said.err
    assert not said.out


def test_what_an_autoscaler_does_not_count_may_be_nought_but_not_less() -> None:
    assert main(["capacity", "--nodes=3", "--cores=12", "--nodes-per-replica=0"]) == 0
    assert main(["capacity", "--nodes=3", "--cores=12", "--nodes-per-replica=-1"]) == 4


def test_the_environment_counts(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTERDNS_PEAK_QUERIES_PER_NODE", "7")
    monkeypatch.setenv("CLUSTERDNS_KUBECONFIG", "the audit's")
    assert main(["capacity", "--nodes=3", "--cores=12"]) == 0
    assert "at 7 concurrent queries per node" in capsys.readouterr().out
    assert main(["capacity", "--nodes=3", "--cores=12", "--peak-queries-per-node=8"]) == 0
    assert "at 8 concurrent queries per node" in capsys.readouterr().out
    monkeypatch.setenv("CLUSTERDNS_PEAK_QUERIES_PER_NODE", "none")
    assert main(["capacity", "--nodes=3", "--cores=12"]) == 4
