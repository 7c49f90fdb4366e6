"""What the editor on the other side can do, read once from its `initialize` request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from lsprotocol import types
from pygls.capabilities import get_capability

from vramlint.lazy_dataclasses import dataclass

Encoding: TypeAlias = Literal["utf-8", "utf-16", "utf-32"]


@dataclass(frozen=True, slots=True)
class Client:
    """The capabilities that change our answers. The defaults are those of the most modest client."""

    encoding: Encoding = "utf-16"
    markdown: bool = False
    """Hovers and completion documentation may be Markdown."""
    pulls_diagnostics: bool = False
    refreshes_diagnostics: bool = False
    related_information: bool = False
    code_description: bool = False
    link_tooltips: bool = False
    versioned_edits: bool = False
    creates_files: bool = False
    """An edit of the workspace may create a file."""
    resolves_edits: bool = False
    """The edit of a code action may come when the action is chosen."""
    nests_symbols: bool = False
    refreshes_code_lens: bool = False
    refreshes_inlay_hints: bool = False
    configuration: bool = False
    registers_configuration: bool = False
    registers_watched_files: bool = False

    @classmethod
    def of(cls, params: types.InitializeParams, encoding: str) -> Client:
        """Read the capabilities; `encoding` is what was agreed for positions."""
        capabilities = params.capabilities

        def has(path: str) -> bool:
            return bool(get_capability(capabilities, path))

        formats = get_capability(capabilities, "text_document.hover.content_format") or ()
        return cls(
            encoding=_ENCODINGS.get(encoding, "utf-16"),
            markdown=types.MarkupKind.Markdown in formats,
            pulls_diagnostics=get_capability(capabilities, "text_document.diagnostic") is not None,
            refreshes_diagnostics=has("workspace.diagnostics.refresh_support"),
            related_information=has("text_document.publish_diagnostics.related_information"),
            code_description=has("text_document.publish_diagnostics.code_description_support")
            or has("text_document.diagnostic.code_description_support"),
            link_tooltips=has("text_document.document_link.tooltip_support"),
            versioned_edits=has("workspace.workspace_edit.document_changes"),
            creates_files=types.ResourceOperationKind.Create
            in (get_capability(capabilities, "workspace.workspace_edit.resource_operations") or ()),
            resolves_edits="edit"
            in (get_capability(capabilities, "text_document.code_action.resolve_support.properties") or ())
            and has("text_document.code_action.data_support"),
            nests_symbols=has("text_document.document_symbol.hierarchical_document_symbol_support"),
            refreshes_code_lens=has("workspace.code_lens.refresh_support"),
            refreshes_inlay_hints=has("workspace.inlay_hint.refresh_support"),
            configuration=has("workspace.configuration"),
            registers_configuration=has("workspace.did_change_configuration.dynamic_registration"),
            registers_watched_files=has("workspace.did_change_watched_files.dynamic_registration"),
        )


def as_mapping(section: Any) -> Mapping[str, Any]:
    """A section as a mapping, whether the protocol layer made a dict or an object of it."""
    if isinstance(section, Mapping):
        return section
    fields = getattr(section, "_asdict", None)
    return (
        {name: as_mapping(value) if hasattr(value, "_asdict") else value for name, value in fields().items()}
        if fields
        else {}
    )


_ENCODINGS: dict[str, Encoding] = {"utf-8": "utf-8", "utf-16": "utf-16", "utf-32": "utf-32"}


def prefer_utf16(params: types.InitializeParams) -> None:
    """Put UTF-16 first among the encodings the client offers, if it does offer it.

    The first of them is taken. An editor mixes up positions when two servers on one buffer differ, and the
    YAML and JSON servers that share our buffers speak UTF-16 only.
    """
    general = params.capabilities.general
    if general is not None and general.position_encodings:
        general.position_encodings = sorted(
            general.position_encodings, key=lambda encoding: encoding != types.PositionEncodingKind.Utf16
        )
