"""A real Kubernetes on one machine, without Docker and without an image registry: `python -m lab up`."""
