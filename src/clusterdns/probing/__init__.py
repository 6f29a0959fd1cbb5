"""Probe pods, the agent that runs in them, and its client."""
