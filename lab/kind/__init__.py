"""The lab's topologies on kind, with or without an image registry: `python -m lab.kind`."""
