"""What a rule is. Built-in and third-party rules have the same form."""

from __future__ import annotations

import re
from abc import ABC, ABCMeta, abstractmethod
from collections.abc import Callable, Iterator
from typing import ClassVar, TypeAlias

from vramlint.document.node import KeyPath, Span
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import At, Finding, Fix, Part, Related
from vramlint.lint.inert import inert_message
from vramlint.project.severity import Severity

_EXAMPLE = r"(?ms)^## (Example|Use instead)\n+```(\w+)\n(.*?)^```"


class Rule(ABC):
    """Base class of rules. The docstring is the rule's page, in Markdown.

    Its sections: What it finds, Why it matters, Example (a file that yields the code), Use instead (the same
    file fixed).
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity] = "warning"
    summary: ClassVar[str]
    since: ClassVar[str] = "0.1"
    after_suppressions: ClassVar[bool] = False
    """Run once it is known which suppressions served."""
    needs_verdict: ClassVar[bool] = False
    """Can only speak where a GPU is declared and the job can be estimated."""
    about_missing_verdicts: ClassVar[bool] = False
    """Speaks of runs without a verdict, so that its findings are errors where verdicts are required."""
    any_file: ClassVar[bool] = False
    """Run also where the file has no dialect."""
    opt_in: ClassVar[bool] = False
    """Speaks only where the settings or the command line name it, since it would speak of many runs that are
    as their authors want them.
    """

    def applies(self, context: RuleContext) -> bool:
        """Whether it is worth asking."""
        return True

    def load(self) -> Rule:
        """Itself, as a `Deferred` rule gives the one it stands for."""
        return self

    @abstractmethod
    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Yield what is found. Must not raise and must not read anything but the context."""

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """Fixes that are too expensive to work out for each finding; asked for one finding at a time."""
        return iter(())

    def finding(
        self,
        message: str,
        key: KeyPath = (),
        *,
        part: Part = "value",
        span: Span | None = None,
        document: str | None = None,
        severity: Severity | None = None,
        related: tuple[Related, ...] = (),
        fixes: tuple[Fix, ...] = (),
        unnecessary: bool = False,
        no_verdict: bool | None = None,
        always: bool = False,
    ) -> Finding:
        """A finding of this rule at a key (or at `span`)."""
        place = At(key, part, document, span)
        return Finding(
            self.code,
            self.name,
            severity or self.severity,
            inert_message(message),
            place,
            related,
            fixes,
            unnecessary,
            self.about_missing_verdicts if no_verdict is None else no_verdict,
            always,
        )

    @classmethod
    def page(cls) -> str:
        """The rule's page as Markdown."""
        from inspect import cleandoc  # imported late: pages are shown one at a time, if at all

        return f"# {cls.code} {cls.name}\n\n{cleandoc(cls.__doc__ or '')}\n"

    @classmethod
    def examples(cls) -> dict[str, tuple[str, str]]:
        """The page's examples: heading → (language, text)."""
        return {match[1]: (match[2], match[3]) for match in re.finditer(_EXAMPLE, cls.page())}


class Deferred:
    """A rule of a pack that is imported only where it can apply: most runs need few of many.

    `module` is named after code and name of the rule and holds one class of it. `when` tells whether it is
    worth asking; it looks at no more than the context, and costs next to nothing.
    """

    after_suppressions: ClassVar[bool] = False
    any_file: ClassVar[bool] = False

    def __init__(self, module: str, when: Callable[[RuleContext], bool], *, opt_in: bool = False) -> None:
        code, _, name = module.rpartition(".")[2].partition("_")
        self.code, self.name = code.upper(), name.replace("_", "-")
        self.applies, self.opt_in = when, opt_in
        self._module = module
        self._rule: Rule | None = None

    def load(self) -> Rule:
        """The rule itself.

        Raises:
            LookupError: the module holds no rule of that code.
        """
        if self._rule is None:
            from importlib import import_module  # imported late: a run that nothing is found in needs none

            for each in vars(import_module(self._module)).values():
                if _is_rule(each) and self.code == vars(each).get("code"):
                    self._rule = each()
                    break
            else:
                raise LookupError(f"{self._module} holds no rule {self.code}")
        return self._rule


def _is_rule(value: object) -> bool:
    """Whether it is a class of a rule. Python 3.10 takes an alias like `list[int]` for a class too, but not
    for one with this metaclass.
    """
    return isinstance(value, ABCMeta) and issubclass(value, Rule)


Entry: TypeAlias = Rule | Deferred
"""A rule in force, imported or not."""
