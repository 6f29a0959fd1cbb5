"""The suite's plugins; what they do is in `fixtures/`."""

pytest_plugins = [
    "clusterdns.flags",
    "fixtures.options",
    "fixtures.selection",
    "fixtures.recording",
    "fixtures.target",
    "fixtures.workload",
    "fixtures.probes",
    "fixtures.captures",
    "fixtures.reach",
    "fixtures.record_objects",
    "fixtures.surveyor",
    "fixtures.propagation",
    "fixtures.records",
    "fixtures.watching",
    "fixtures.fetching",
    "fixtures.loads",
    "fixtures.episodes",
    "fixtures.debug_deployment",
    "fixtures.query_log",
    "fixtures.metrics",
    "pytester",  # tests/unit runs the suite on small check files
]
