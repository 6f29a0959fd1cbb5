"""Where the manifests are that a run applies: beside the package where it is installed, else in the checkout."""

from pathlib import Path

_INSTALLED = Path(__file__).parent / "suite" / "manifests"
MANIFESTS = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parents[2] / "manifests"
