"""The suite run on kind clusters: `python -m lab.kind run -- pytest tests/kind`."""

from tests.proof.conftest import shared_folder, suite

__all__ = ["shared_folder", "suite"]
