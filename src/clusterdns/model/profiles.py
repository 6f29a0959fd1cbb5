"""How much a check may do to a cluster."""

from enum import StrEnum


class Profile(StrEnum):
    """How much a check may do to a cluster."""

    AUDIT = "audit"  # reads objects, metrics and logs; makes nothing
    CORE = "core"  # a few probe pods, some Services and some thousand queries
    SLOW = "slow"  # waits for caches to expire
    LOAD = "load"  # sends bounded load
    DISRUPTIVE = "disruptive"  # restarts DNS pods
    SOAK = "soak"  # asks from every node while something else, such as an upgrade, goes on


# What runs when a profile is asked for. Only what is harmless comes along: asking for
# load does not also restart pods.
INCLUDES: dict[Profile, frozenset[Profile]] = {
    Profile.AUDIT: frozenset({Profile.AUDIT}),
    Profile.CORE: frozenset({Profile.AUDIT, Profile.CORE}),
    Profile.SLOW: frozenset({Profile.AUDIT, Profile.CORE, Profile.SLOW}),
    Profile.LOAD: frozenset({Profile.AUDIT, Profile.CORE, Profile.LOAD}),
    Profile.DISRUPTIVE: frozenset({Profile.AUDIT, Profile.CORE, Profile.DISRUPTIVE}),
    Profile.SOAK: frozenset({Profile.AUDIT, Profile.SOAK}),
}
