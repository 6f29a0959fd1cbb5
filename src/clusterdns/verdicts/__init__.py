"""Measurements and settings -> verdicts: pure, one module per area."""
