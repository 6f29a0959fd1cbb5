"""What the setups of plugins have in common: what they are set up in, and how they go through their words.

Source: github.com/coredns/coredns, plugin/*/setup.go.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from clusterdns.formats.releases import Version, newer, takes
from clusterdns.formats.stanza import Stanza
from clusterdns.formats.values import seconds
from clusterdns.formats.words import is_known


@dataclass(frozen=True, slots=True)
class Setting:
    """What a plugin is set up in.

    Attributes:
        version: Of CoreDNS; None where it is not known, which takes what any version takes.
        zones: Of the server block.
    """

    version: Version | None = None
    zones: tuple[str, ...] = ()


Options = Mapping[str, Callable[[Stanza], object]]
Setup = Callable[[Stanza, Setting], None]


def once(setup: Setup) -> Setup:
    """Return the setup of a plugin that may stand in a server block only once; the setup takes one stanza."""

    def once(stanza: Stanza, setting: Setting) -> None:
        stanza.next()
        name = stanza.text
        setup(stanza, setting)
        if stanza.next():
            raise stanza.error(f"{name} may stand only once in a server block")

    return once


def counted(stanza: Stanza, least: int = 0, most: int | None = None) -> list[str]:
    """Take the other words of the line; raise CorefileError where they are too few or too many."""
    words = stanza.arguments()
    if len(words) < least or (most is not None and len(words) > most):
        raise stanza.miscounted()
    return words


def options(stanza: Stanza, setting: Setting, name: str, options: Options) -> list[str]:
    """Go through the options in a plugin's block, each of which takes its own words; return their names."""
    seen = []
    while stanza.next_in_block():
        option = stanza.text
        seen.append(option)
        if not is_known(option) or (option not in options and newer(setting.version)):
            stanza.arguments()
        elif option in options and takes(f"{name} {option}", setting.version):
            options[option](stanza)
        else:
            raise stanza.error(f"{name} has no option {option!r}")
    return seen


def any_duration(stanza: Stanza) -> None:
    """Take a duration, a negative one too."""
    seconds(counted(stanza, 1, 1)[0], None)
