"""Container images made without Docker or a registry: docker-archives of plain tar layers.

Source: the image specification v1.2 that `docker save` writes and `ctr images import` reads.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = "clusterdns.lab"


@dataclass(frozen=True)
class Image:
    """An image to make: layers from bottom to top."""

    name: str  # repository/name:tag
    layers: tuple[Path, ...]
    entrypoint: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()  # NAME=VALUE, besides PATH
    also: tuple[str, ...] = ()  # more names of the same image


def files_layer(target: Path, files: Mapping[str, Path], links: Mapping[str, str] | None = None) -> Path:
    """Write a layer of executable files (path in the image -> file here) to `target`; return it.

    Args:
        target: the file to write.
        files: Path in the image -> file here.
        links: Path in the image, whose folder holds one of the files -> what the symbolic link says.
    """
    with tarfile.open(target, "w") as layer:
        folders: set[str] = set()
        for inside, source in sorted(files.items()):
            for parent in reversed(Path(inside).parents):
                name = str(parent).lstrip("/.")
                if name and name not in folders:
                    folders.add(name)
                    folder = tarfile.TarInfo(name)
                    folder.type, folder.mode = tarfile.DIRTYPE, 0o755
                    layer.addfile(folder)
            entry = tarfile.TarInfo(inside.lstrip("/"))
            entry.mode, entry.size = 0o755, source.stat().st_size
            with source.open("rb") as content:
                layer.addfile(entry, content)
        for inside, points_to in sorted((links or {}).items()):
            entry = tarfile.TarInfo(inside.lstrip("/"))
            entry.type, entry.linkname = tarfile.SYMTYPE, points_to
            layer.addfile(entry)
    return target


def write_archive(image: Image, target: Path) -> Path:
    """Write `image` as a docker-archive to `target`; return it."""
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *image.environment],
            "Entrypoint": list(image.entrypoint),
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_sha256(layer)}" for layer in image.layers]},
    }
    config_bytes = json.dumps(config, sort_keys=True).encode()
    config_name = f"{hashlib.sha256(config_bytes).hexdigest()}.json"
    names = [f"{index}.tar" for index in range(len(image.layers))]
    manifest = json.dumps(
        [{"Config": config_name, "RepoTags": [image.name, *image.also], "Layers": names}]
    ).encode()
    with tarfile.open(target, "w") as archive:
        for name, layer in zip(names, image.layers, strict=True):
            archive.add(layer, arcname=name)
        for name, content in ((config_name, config_bytes), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return target


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
