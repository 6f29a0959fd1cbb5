"""Which cases a run includes, and in which order: decided here and nowhere else."""

from collections.abc import Sequence

from clusterdns.catalogue import CATALOGUE, expand
from clusterdns.check import SelectedCase
from clusterdns.errors import UsageError
from clusterdns.model.profiles import INCLUDES, Profile
from clusterdns.settings import Settings, flag


def refuse_unknown(settings: Settings) -> None:
    """Make sure that every name in `--check` and `--require` stands for a check.

    Raises:
        UsageError: one does not; the message lists near matches.
    """
    for setting in ("check", "require"):
        try:
            expand(getattr(settings, setting))
        except ValueError as error:
            raise UsageError(f"{flag(setting)}: {error}") from None


def is_included(case: SelectedCase, settings: Settings) -> bool:
    """Return whether a run with these settings includes a case."""
    in_profile = case.profile in INCLUDES[settings.profile]
    return in_profile and (not settings.check or case.check.id in expand(settings.check))


def refuse_impossible(cases: Sequence[SelectedCase], settings: Settings) -> None:
    """Make sure that what was asked for by name (`--check`, `--require`) can run.

    Args:
        cases: Every case that was collected.
        settings: Of the run.

    Raises:
        UsageError: a name stands for no case that the run includes, or a case is of no check in the
            catalogue; the message says what to add.
    """
    strangers = [case for case in cases if case.check.id not in CATALOGUE]
    if strangers:
        raise UsageError(
            f"check {strangers[0].check.id!r} is not in the catalogue: add its module to clusterdns.catalogue"
        )
    for name in (*settings.check, *settings.require):
        profiles = {case.profile for case in cases if case.check.id in expand([name])}
        if not profiles:
            raise UsageError(f"{name} was asked for, but no collected file has it: collect tests/conformance")
        if not profiles & INCLUDES[settings.profile]:
            other = next(profile for profile in Profile if profile in profiles)
            raise UsageError(f"{name} does not run in profile {settings.profile}: add --profile {other}")
    left_out = set(expand(settings.require)) - set(expand(settings.check))
    if settings.check and left_out:
        raise UsageError(f"--check leaves out {', '.join(sorted(left_out))}, which --require names: add it")


def turn(case: SelectedCase) -> tuple[bool, int]:
    """Return the place of a case among those of its run: load comes last, what disturbs least before it."""
    return case.profile is Profile.LOAD, case.case.stage
