"""Pure types and arithmetic: imports nothing of ours."""
