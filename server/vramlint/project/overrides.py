"""What the command line or the editor says over the settings of a project."""

from __future__ import annotations

from collections.abc import Mapping

from vramlint.lazy_dataclasses import dataclass, field, replace
from vramlint.project.selection import Selection
from vramlint.project.settings import Settings, without_trust


@dataclass(frozen=True, slots=True)
class Overrides:
    """One value for a whole run or for one editor scope. Plain data: it is sent to worker processes."""

    gpu: str | None = None
    """A GPU declaration, stronger than every other."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Releases by framework or library; stronger than the settings, weaker than a comment in the file."""
    problems: tuple[str, ...] = ()
    """What is wrong with these overrides, as the settings' problems are."""
    rules: Selection = field(default_factory=Selection)
    """What the command line selects and ignores; stronger than the settings."""
    config: str | None = None
    """The one settings file that holds for all files, instead of the nearest of each."""
    isolated: bool = False
    """No settings file holds."""
    ignore_comments: bool = False
    """Report also what comments suppress."""
    require_verdict: bool = False
    """A run without a verdict is an error, and no setting or comment hides it."""
    by_count: bool = False
    """Leave a verdict that only a replay of the allocator decides to the count."""
    named: bool = False
    """The user asked for this very file, so that a file that is not a training config deserves a word."""

    trusted: bool = True
    """Whether the project's settings may reach beyond the project: the user runs vramlint in it, or has said
    so in the editor.
    """

    within: tuple[str, ...] | None = None
    """Folders outside which no path that a file names is followed; None for no such bound."""

    def over(self, settings: Settings) -> Settings:
        """The settings of a file with these on top."""
        settings = settings if self.trusted else without_trust(settings)
        return replace(settings, versions={**settings.versions, **self.versions}, flags=self.rules)
