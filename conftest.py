"""The suite's plugins; what they do is in `fixtures/`."""

from clusterdns.starting import tell_interrupts

tell_interrupts()  # the plugins take a second to import

pytest_plugins = [
    "clusterdns.flags",
    "fixtures.ending",
    "fixtures.options",
    "fixtures.checks",
    "fixtures.selection",
    "fixtures.recording",
    "fixtures.target",
    "fixtures.run",
    "pytester",  # tests/unit runs the suite on small check files
]
