"""Every limit and choice of a run, in one documented object.

A setting `name` is given by the flag `--name` (hyphens for underscores) or by the
environment variable `CLUSTERDNS_NAME`; the flag wins. `--strict` is pytest's own flag
and also turns warnings into failures.
"""

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import ConfigDict, ValidationError, model_validator

from clusterdns.errors import UsageError
from clusterdns.model.profiles import Profile
from clusterdns.settings.choice import Choice
from clusterdns.settings.comparing import Comparing
from clusterdns.settings.disrupting import Disrupting
from clusterdns.settings.fields import setting
from clusterdns.settings.limits import Limits
from clusterdns.settings.measuring import Measuring
from clusterdns.settings.soaking import Soaking

ENV_PREFIX = "CLUSTERDNS_"

PUBLIC_IMAGE = "python:3.13.3-slim-bookworm"
# The project's own image (images/probe), with a musl resolver in it. A lab's nodes hold it.
OWN_IMAGE = "clusterdns.lab/probe:1"


class Settings(
    Comparing, Soaking, Disrupting, Measuring, Limits, Choice
):  # pydantic lists the fields of the last one first
    """What a run is asked to do, what it holds a cluster to, and how it measures that."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    report_dir: Path = setting("folder for the reports", default=Path("report"), source="ours")

    markdown: Path | None = setting(
        "file for the report as Markdown, which also goes where $GITHUB_STEP_SUMMARY points",
        source="none: CI systems other than GitHub's have no place for it",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.cluster == "kubeconfig" and not (self.kubeconfig and self.kube_context):
            raise ValueError("--cluster kubeconfig needs an explicit --kubeconfig and --kube-context")
        if self.cluster != "kubeconfig" and (self.kubeconfig or self.kube_context):
            raise ValueError("--kubeconfig and --kube-context go with --cluster kubeconfig")
        if self.cluster == "kubeconfig":
            if self.profile is Profile.LOAD and not self.allow_load:
                raise ValueError("--profile load sends load: add --allow-load to send it to this cluster")
            if self.profile is Profile.DISRUPTIVE and not self.allow_disruption:
                raise ValueError(
                    "--profile disruptive restarts DNS pods: add --allow-disruption to allow it here"
                )
            if self.debug_traffic not in (None, "own"):
                raise ValueError(
                    "--debug-traffic: production traffic goes to a debug copy on a lab only, here it is own"
                )
        return self

    @property
    def topology(self) -> str:
        """The topology that a lab or kind cluster is made of."""
        return self.lab_topology or ("coredns" if self.cluster == "kind" else "gke-kubedns")

    @classmethod
    def load(cls, flags: Mapping[str, object], environ: Mapping[str, str]) -> Self:
        """Return the settings that flags (those given) and the environment make; flags win.

        Raises:
            UsageError: one line per fault, naming the flag or the variable.
        """
        variables = {
            variable.removeprefix(ENV_PREFIX).lower(): value
            for variable, value in environ.items()
            if variable.startswith(ENV_PREFIX)
        }
        try:
            return cls.model_validate({**variables, **flags})
        except ValidationError as error:
            faults = [_fault(dict(fault), flags) for fault in error.errors()]
            raise UsageError("; ".join(faults)) from None

    def image(self, held: Collection[str] = ()) -> str:
        """Return the image of the probe pods.

        Args:
            held: images that every node holds already. The project's own is taken if it
                is among them, as it is on every lab and kind cluster of ours, however that is reached.
        """
        if self.probe_image:
            return self.probe_image
        if self.image_repo:
            return f"{self.image_repo.rstrip('/')}/{PUBLIC_IMAGE}"
        return OWN_IMAGE if self.cluster in ("lab", "kind") or OWN_IMAGE in held else PUBLIC_IMAGE


def flag(name: str) -> str:
    """Return the flag that gives the setting `name`."""
    return f"--{name.replace('_', '-')}"


def variable(name: str) -> str:
    """Return the variable of the environment that gives the setting `name`."""
    return f"{ENV_PREFIX}{name.upper()}"


def _fault(fault: dict[str, Any], flags: Mapping[str, object]) -> str:
    """Return a validation fault as one line that names what the user wrote."""
    message = str(fault["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")
    if not fault["loc"]:
        return message
    name = str(fault["loc"][0])
    given = flag(name) if name in flags else variable(name)
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, Settings.model_fields, n=1)
        hint = f", did you mean {variable(near[0])}?" if near else ""
        return f"{given} is no setting{hint}"
    if fault["type"] == "value_error":
        return f"{given}: {message}"
    return f"{given}: {message}, not {fault['input']!r}"
