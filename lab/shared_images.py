"""Images of a template, shared by many containerds: links to what is only read, copies of what is written to.

Standard library only: the nodes of kind run it too.
"""

import shutil
from pathlib import Path

_METADATA = "io.containerd.metadata.v1.bolt"
_SNAPSHOTTER = "io.containerd.snapshotter.v1.overlayfs"


def share_images(template: Path, root: Path) -> None:
    """Make a containerd root with its own databases and links to the template's layers and blobs."""
    for name in (_METADATA, _SNAPSHOTTER):
        (root / name).mkdir(parents=True)
    shutil.copy(template / _METADATA / "meta.db", root / _METADATA / "meta.db")
    shutil.copy(template / _SNAPSHOTTER / "metadata.db", root / _SNAPSHOTTER / "metadata.db")
    for shared in (f"{_SNAPSHOTTER}/snapshots", "io.containerd.content.v1.content/blobs/sha256"):
        (root / shared).mkdir(parents=True)
        for entry in (template / shared).iterdir():
            (root / shared / entry.name).symlink_to(entry)
