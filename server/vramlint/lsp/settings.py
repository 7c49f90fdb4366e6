"""The client's settings: asked for section by section, and asked for again when they change."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.uris import to_fs_path

from vramlint.lsp.client import as_mapping

if TYPE_CHECKING:
    from vramlint.lsp.language_server import Server

SECTION = "vramlint"
WATCHED = ("**/pyproject.toml", "**/vramlint.toml", "**/config.json", "**/*.{yaml,yml,json,toml,py,sh,env}")
"""Settings, local models, and files that may be companions."""


def register_for_changes(server: Server) -> None:
    """Ask to hear of changed settings and files, where the client lets us."""
    client = server.session.client
    registrations = []
    if client.registers_configuration:
        options = types.DidChangeConfigurationRegistrationOptions(section=SECTION)
        registrations.append(_registration(types.WORKSPACE_DID_CHANGE_CONFIGURATION, options))
    if client.registers_watched_files:
        watchers = [types.FileSystemWatcher(glob_pattern=pattern) for pattern in WATCHED]
        files = types.DidChangeWatchedFilesRegistrationOptions(watchers=watchers)
        registrations.append(_registration(types.WORKSPACE_DID_CHANGE_WATCHED_FILES, files))
    if registrations:
        server.client_register_capability(types.RegistrationParams(registrations=registrations))


def ask_for_settings(server: Server) -> None:
    """Ask for the section, for everything and for each folder; new answers have all checked again."""
    if not server.session.client.configuration:
        return
    scopes: list[str | None] = [None, *(folder.uri for folder in server.workspace.folders.values())]
    items = [types.ConfigurationItem(scope_uri=scope, section=SECTION) for scope in scopes]
    server.workspace_configuration(
        types.ConfigurationParams(items=items), callback=partial(_settings_arrived, server, scopes)
    )


def _settings_arrived(server: Server, scopes: Sequence[str | None], sections: Sequence[Any]) -> None:
    by_folder: dict[str, Any] = {}
    for scope, section in zip(scopes, sections, strict=False):
        by_folder[(to_fs_path(scope) or "") if scope else ""] = as_mapping(section)
    if server.session.configure(by_folder):
        server.publisher.recheck()


def _registration(method: str, options: Any) -> types.Registration:
    return types.Registration(id=f"vramlint-{method}", method=method, register_options=options)
