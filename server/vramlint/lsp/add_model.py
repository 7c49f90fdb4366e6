"""The action on an unknown model: asks the hub once for its config.json and writes it into the project."""

from __future__ import annotations

import asyncio
from typing import Any

from lsprotocol import types
from pygls.uris import to_fs_path

from vramlint.catalog.config_json import HUB_ID
from vramlint.lint.finding import Finding
from vramlint.lint.inert import inert_message
from vramlint.lsp.language_server import Server
from vramlint.lsp.offers import ADD_MODEL
from vramlint.lsp.view import View

_CODE = "VL903"


def add_model_action(view: View, finding: Finding, shown: list[types.Diagnostic]) -> types.CodeAction | None:
    """The action for a finding of a trusted workspace; None where it names no id of the hub."""
    name = _name(view, finding) if finding.code == _CODE else None
    if name is None or "/" not in name or not HUB_ID.fullmatch(name):
        return None
    title = f"ask the hub once for the config.json of {name}, and keep it in the project"
    command = types.Command(title, ADD_MODEL, arguments=[view.uri, name])
    return types.CodeAction(
        title=title, kind=types.CodeActionKind.QuickFix, diagnostics=shown, command=command
    )


def _name(view: View, finding: Finding) -> str | None:
    node = view.document.node(finding.at.key)
    value = node.resolved().value if node is not None else None
    return value.strip() if isinstance(value, str) else None


async def add_model(ls: Server, *arguments: Any) -> None:
    """Run the command: beside the server's thread, since a network is slow."""
    if len(arguments) != 2 or not ls.session.trusted:
        return
    uri, name = (str(each) for each in arguments)
    said = await asyncio.to_thread(_added, to_fs_path(uri), name)
    kind = types.MessageType.Info if said.startswith("written") else types.MessageType.Warning
    ls.window_show_message(types.ShowMessageParams(type=kind, message=inert_message(f"{name}: {said}")))
    ls.session.forget()
    ls.publisher.recheck()


def _added(path: str | None, name: str) -> str:
    """Where the file was written, or why not."""
    from vramlint.catalog.fetch import NotFetched, fetch_config, model_of  # late: the one use of a network
    from vramlint.project.added_models import NotAdded, add, settings_file

    try:
        text = fetch_config(name)
        model_of(text, name)
        added = add(name, text, settings_file(path))
    except (NotFetched, NotAdded) as error:
        return str(error)
    return f"written to {added.file.name}, named in {added.settings.name}"
