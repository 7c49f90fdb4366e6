"""What agents that write training configs can ask for: the JSON of the command line, of a file or a text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vramlint.analysis.layouts import cluster_of, layouts_for
from vramlint.cli.console import Failure
from vramlint.cli.content import STDIN, read
from vramlint.cli.estimate import Estimated, Refusal, located, outcome_object, outcome_of
from vramlint.cli.explain import page_of
from vramlint.cli.files import Reader
from vramlint.cli.fit import refusals, report_of
from vramlint.cli.inspect_file import FileInspector
from vramlint.cli.options import Task, refuse_unknown_gpu
from vramlint.cli.output.fit_json import fit_object
from vramlint.cli.output.json import file_object
from vramlint.cli.output.plan_json import plan_object
from vramlint.files import lies_within, names_network_share
from vramlint.lazy_dataclasses import dataclass
from vramlint.memory import CannotEstimate
from vramlint.planning.ranking import NoPlan
from vramlint.project.overrides import Overrides

TEXT = "config"
"""The name of a config that was given as text."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools, over the files below some folders; what a config names is not read elsewhere either.
    Settings of the projects there are not trusted: none may import rules, or ask the network.
    """

    roots: tuple[str, ...]

    def all(self) -> tuple[Callable[..., Any], ...]:
        """Each tool; its name, parameters and docstring are what an agent is told."""
        return self.check, self.estimate, self.fit, self.plan, self.explain

    def check(
        self, path: str | None = None, text: str | None = None, gpu: str | None = None
    ) -> dict[str, Any]:
        """Check a training config: mistakes, refused combinations, whether it fits the GPU; verified fixes.

        Give the path of a file or the text of a config. gpu declares the GPUs: "RTX 4090", "8xH100".
        """
        overrides, name, data = self._asked(path, text, gpu)
        report = FileInspector(Task(overrides, with_fixes=True)).inspect(name, name, data)
        if report.failure is not None:
            raise Failure(report.failure)
        if report.verdict is None and not report.findings:
            raise Failure(f"{name}: not a training config that vramlint knows")
        return file_object(report)

    def estimate(
        self, path: str | None = None, text: str | None = None, gpu: str | None = None
    ) -> dict[str, Any]:
        """Work out what a training run will hold in GPU memory, component by component, in bytes per GPU.

        Give the path of a file or the text of a config. gpu declares the GPUs: "RTX 4090", "8xH100".
        """
        name, outcome = self._outcome(path, text, gpu)
        return outcome_object(name, outcome)

    def fit(self, path: str | None = None, text: str | None = None, gpu: str | None = None) -> dict[str, Any]:
        """Find what would make a training run fit its GPU, the least harmful change first, each tried.

        Give the path of a file or the text of a config. gpu declares the GPUs: "RTX 4090", "8xH100".
        """
        name, outcome = self._outcome(path, text, gpu)
        reasons = refusals(name, outcome)
        if isinstance(outcome, Refusal) or reasons:
            raise Failure("; ".join(reasons))
        return fit_object(report_of(name, outcome))

    def plan(
        self,
        path: str | None = None,
        text: str | None = None,
        gpus: str | None = None,
        nodes: int | None = None,
        global_batch: int | None = None,
    ) -> dict[str, Any]:
        """Plan a training run over many GPUs: the layouts that fit, the fastest first.

        Give the path of a file or the text of a config. gpus is "64xH100", or with nodes those of each node.
        global_batch is the rows of an optimizer step.
        """
        name, outcome = self._outcome(path, text, gpus)
        if outcome.analysis is None or outcome.analysis.job is None:
            assert isinstance(outcome, Refusal)
            raise Failure(located(name, outcome))
        try:
            cluster = cluster_of(outcome.analysis, nodes, global_batch)
            return plan_object(name, cluster, layouts_for(cluster))
        except (CannotEstimate, NoPlan) as reason:
            raise Failure(f"{name}: {reason}") from reason

    def explain(self, subject: str) -> str:
        """Explain a rule (VL101), a topic of the memory model (zero3, activations) or a config key."""
        return page_of(subject)

    def _outcome(
        self, path: str | None, text: str | None, gpu: str | None
    ) -> tuple[str, Estimated | Refusal]:
        overrides, name, data = self._asked(path, text, gpu)
        reader = Reader(overrides)
        return name, outcome_of(reader.analyse(reader.parse(data, name)))

    def _asked(self, path: str | None, text: str | None, gpu: str | None) -> tuple[Overrides, str, bytes]:
        """Overrides, name and content. Raises Failure where it is not clear what is asked."""
        refuse_unknown_gpu(gpu)
        overrides = Overrides(gpu=gpu, named=True, trusted=False, within=self.roots)
        if path is not None and text is None:
            self._must_be_inside(path)
            return overrides, path, read(path)
        if text is not None and path is None:
            return overrides, TEXT, text.encode(errors="surrogatepass")
        raise Failure("give either the path of a config or its text")

    def _must_be_inside(self, path: str) -> None:
        """Links are followed before it is asked where a file lies."""
        if path == STDIN or names_network_share(path):
            raise Failure(f"{path}: not a file that can be read here; give the text of the config instead")
        try:
            file = Path(path).resolve()
        except (OSError, RuntimeError, ValueError) as error:  # too long a name, a loop of links, a NUL
            raise Failure(f"{path}: {getattr(error, 'strerror', None) or error}") from None
        if not lies_within(file, self.roots):
            raise Failure(f"{path}: outside {', '.join(self.roots)}; vramlint mcp --root FOLDER allows more")
