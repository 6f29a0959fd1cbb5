"""The suite's plugins; what they do is in `fixtures/`."""

pytest_plugins = [
    "clusterdns.flags",
    "fixtures.options",
    "fixtures.checks",
    "fixtures.selection",
    "fixtures.recording",
    "fixtures.target",
    "fixtures.run",
    "pytester",  # tests/unit runs the suite on small check files
]
