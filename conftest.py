"""The suite's plugins; what they do is in `fixtures/`."""

pytest_plugins = [
    "fixtures.options",
    "fixtures.selection",
    "fixtures.recording",
    "pytester",  # tests/unit runs the suite on small check files
]
