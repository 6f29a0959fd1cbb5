"""The suite run on kind clusters: `python -m lab.kind run -- pytest tests/kind`."""

from tests.proof.conftest import suite

__all__ = ["suite"]
