"""Which checks a run includes, and why one is skipped: decided here and nowhere else."""

from collections.abc import Callable, Iterable

from clusterdns.errors import UsageError
from clusterdns.model.catalogue import CATALOGUE, INCLUDES, Profile, expand
from clusterdns.settings import Settings


def included(check: str, profile: Profile, settings: Settings) -> bool:
    """Return whether a run with these settings includes a case of `check` that runs in `profile`."""
    return profile in INCLUDES[settings.profile] and (not settings.check or check in expand(settings.check))


def refuse_impossible(cases: Iterable[tuple[str, Profile]], settings: Settings) -> None:
    """Make sure that what was asked for by name (`--check`, `--require`) can run.

    Args:
        cases: check id and profile of every case that was collected.
        settings: of the run.

    Raises:
        UsageError: a name stands for no case that the run includes; the message says what to add.
    """
    found = list(cases)
    for name in (*settings.check, *settings.require):
        profiles = {check_profile for check, check_profile in found if check in expand([name])}
        if not profiles:
            raise UsageError(f"{name} was asked for, but no collected file has it: collect tests/conformance")
        if not profiles & INCLUDES[settings.profile]:
            other = next(profile for profile in Profile if profile in profiles)
            raise UsageError(f"{name} does not run in profile {settings.profile}: add --profile {other}")
    left_out = set(expand(settings.require)) - set(expand(settings.check))
    if settings.check and left_out:
        raise UsageError(f"--check leaves out {', '.join(sorted(left_out))}, which --require names: add it")


def profile_of(check: str, marked: str | None) -> Profile:
    """Return the profile a case runs in: its own mark, or what the catalogue says of its check.

    Raises:
        UsageError: there is no such check or profile.
    """
    if check not in CATALOGUE:
        raise UsageError(f"check {check!r} is not in the catalogue: add it to clusterdns.model.catalogue")
    if marked is None:
        return CATALOGUE[check].profile
    try:
        return Profile(marked)
    except ValueError:
        raise UsageError(f"check {check}: profile {marked!r} is none of {', '.join(Profile)}") from None


def skip_reason(needs: Iterable[str], why_absent: Callable[[str], str | None]) -> str | None:
    """Return why a check is skipped, or None when it runs.

    Args:
        needs: names of the features that the check needs, those that others build on first.
        why_absent: of a feature None where it is there, else why it is not; not asked of what
            builds on one that is absent.
    """
    return next((f"no {need}: {reason}" for need in needs if (reason := why_absent(need))), None)
