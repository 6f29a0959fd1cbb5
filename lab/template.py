"""A containerd root made beforehand: images imported and unpacked into it once, for nodes to share."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab import commands
from lab.errors import LabError
from lab.images import Image, write_archive
from lab.shared_images import share_images


def containerd_config(root: Path, run: Path, *, cri: str = "") -> str:
    """Return containerd's configuration (version 2: read by containerd 1.3 to 2.x)."""
    unused = ["aufs", "btrfs", "zfs", "devmapper", "blockfile"]
    disabled = [f"io.containerd.snapshotter.v1.{name}" for name in unused]
    if not cri:
        disabled.append("io.containerd.grpc.v1.cri")
    return (
        f'version = 2\nroot = "{root}"\nstate = "{run}"\ndisabled_plugins = {disabled}\n'
        f'[grpc]\n  address = "{run}/containerd.sock"\n{cri}'
    )


def import_images(folder: Path, images: list[Image]) -> None:
    """Import and unpack images into the containerd root `folder`/root."""
    root = folder / "root"
    with _containerd(root) as address:
        for image in images:
            archive = write_archive(image, folder / "image.tar")
            ctr = ["ctr", "--address", address, "--namespace", "k8s.io"]
            commands.run([*ctr, "images", "import", str(archive)], seconds=300)
            archive.unlink()


def export_images(template: Path, names: Sequence[str], archive: Path) -> None:
    """Write images out of a containerd root, which is left as it is, as one archive."""
    with tempfile.TemporaryDirectory(prefix="lab-", dir=archive.parent) as folder:
        root = Path(folder, "root")
        share_images(template, root)
        with _containerd(root) as address:
            ctr = ["ctr", "--address", address, "--namespace", "k8s.io"]
            commands.run([*ctr, "images", "export", str(archive), *names], seconds=300)


@contextmanager
def _containerd(root: Path) -> Iterator[str]:
    """Run a containerd of our own on `root`; yield its address. It and its mounts end with the context."""
    with tempfile.TemporaryDirectory(prefix="lab-") as run:
        config = Path(run, "config.toml")
        config.write_text(containerd_config(root, Path(run)))
        argv = ["setpriv", "--pdeathsig=KILL", "unshare", "--mount", "--propagation=private", "containerd"]
        with Path(run, "log").open("w") as log:
            process = subprocess.Popen([*argv, "--config", str(config)], stdout=log, stderr=log)
        address = f"{run}/containerd.sock"
        try:
            deadline = time.monotonic() + 30
            while not os.path.exists(address):  # noqa: PTH110 - a socket, polled
                if process.poll() is not None or time.monotonic() > deadline:
                    last = Path(run, "log").read_text().strip().splitlines()[-1:]
                    raise LabError(f"containerd did not start: {''.join(last)}")
                time.sleep(0.05)
            yield address
        finally:
            process.terminate()
            process.wait()
