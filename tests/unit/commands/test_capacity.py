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


def test_numbers_that_mean_nothing_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capacity", "--nodes", "0", "--cores", "1"]) == 4
    assert "--nodes: must be 1 or more" in capsys.readouterr().err
