"""Where the suite is that pytest runs: inside the package where it is installed, else the checkout itself."""

from pathlib import Path

_INSTALLED = Path(__file__).parent / "suite_files"

SUITE = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parents[2]
"""The folder with conftest.py, fixtures/, manifests/, tests/conformance/ and pytest's settings."""

MANIFESTS = SUITE / "manifests"
"""What a run applies to a cluster."""

LAB = SUITE / "lab"
"""What makes labs and kind clusters: it is no part of the installed package."""
