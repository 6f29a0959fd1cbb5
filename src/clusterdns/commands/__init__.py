"""The sub-commands of `clusterdns`, one module each: `add` offers it, `run` does it."""
