"""What the package index is told beyond pyproject.toml: a README with absolute links, and the project's URLs.

The repository's address is not written down here: a release says where it is built, in `VRAMLINT_REPOSITORY`
(`https://HOST/OWNER/NAME`; .github/workflows/release.yml sets it), so that a fork or a move needs no edit.
Without it relative links become plain text, since on the index they would lead nowhere. A wheel built from
an sdist repeats what the sdist says.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^]]*)\]\((?P<target>(?!https?:|#)[^)]+)\)")


def address() -> str | None:
    """The repository's, where the build was told it."""
    return os.environ.get("VRAMLINT_REPOSITORY", "").rstrip("/") or None


def readme(text: str, version: str, repository: str | None, folder: str = "") -> str:
    """A README of `folder` as an index shows it: links and pictures at the release's tag of `repository`."""

    def absolute(link: re.Match[str]) -> str:
        if repository is None:
            return "" if link["picture"] else link["text"]
        kind = "raw" if link["picture"] else "blob"
        target = posixpath.normpath(posixpath.join(folder, link["target"]))
        return f"{link['picture']}[{link['text']}]({repository}/{kind}/v{version}/{target})"

    text = _LINK.sub(absolute, text)
    if repository is not None:
        text = text.replace("<the URL of this repository>", repository)
        text = text.replace("<this repository>", "/".join(repository.split("/")[-2:]))
    return text


def urls(version: str, repository: str | None) -> dict[str, str]:
    """Label → URL, for `[project.urls]`; none where the repository has no address."""
    if repository is None:
        return {}
    return {
        "Source": repository,
        "Documentation": f"{repository}/tree/v{version}/docs",
        "Changelog": f"{repository}/blob/v{version}/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }


class Metadata(MetadataHookInterface):
    """Sets the fields that pyproject.toml calls dynamic, but for the version."""

    def update(self, metadata: dict[str, object]) -> None:
        """Fill in those that no sdist has set already."""
        version = str(metadata["version"])
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata.setdefault(
            "readme", {"content-type": "text/markdown", "text": readme(text, version, address())}
        )
        metadata.setdefault("urls", urls(version, address()))
