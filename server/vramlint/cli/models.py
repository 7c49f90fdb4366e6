"""`vramlint models`: list the known models, or add one to the project."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from vramlint.catalog.facts import Model
from vramlint.catalog.models import Models
from vramlint.cli.arguments import command_parser
from vramlint.cli.console import Failure, complain, say

ADD = "add"


def parser() -> ArgumentParser:
    """The options of the command."""
    result = command_parser(
        "models",
        "List the known models, or those whose ids contain all words of QUERY. `models add ID` asks the hub "
        "once for the config.json of a model and writes it into the project.",
    )
    result.add_argument(
        "query",
        nargs="*",
        help="words, or the id of a model or re-upload, or a folder with config.json; or: add ID ...",
    )
    result.add_argument(
        "--revision", default="main", help="with add: the branch, tag or commit (default: main)"
    )
    return result


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    options = parser().parse_args(arguments)
    if options.query[:1] == [ADD] and len(options.query) > 1:
        return _add(options.query[1:], options.revision)
    query = " ".join(options.query)
    catalog = Models()
    found = catalog.search(query)
    if not found and (model := catalog.model(query)) is not None:
        found = [model]
    if not found:
        near = ", ".join(catalog.nearest(query, 3))
        raise Failure(f'no model "{query}"' + (f"; nearest: {near}" if near else ""))
    width = max(len(model.name) for model in found)
    for model in found:
        say(_row(model, width))
    return 0


def _add(names: Sequence[str], revision: str) -> int:
    """Fetch each model's config.json and write it into the project. 1 where one could not be had."""
    from vramlint.catalog.fetch import NotFetched, fetch_config, model_of  # late: the one use of a network
    from vramlint.project.added_models import NotAdded, add, settings_file

    failed = False
    for name in names:
        try:
            text = fetch_config(name, revision)
            model = model_of(text, name)
            added = add(name, text, settings_file())
        except (NotFetched, NotAdded) as error:
            complain(f"{name}: {error}")
            failed = True
            continue
        count = _count(model)
        said = f"{model.model_type or 'unknown type'}, " + (
            f"{count:,} parameters" if count else "not counted"
        )
        where = _shown(added.file)
        say(
            f"{name}: {said}; written to {where}"
            + (f", named in {_shown(added.settings)}" if added.new else "")
        )
    return 1 if failed else 0


def _count(model: Model) -> int | None:
    """Its parameters, where its architecture is known."""
    from vramlint.job import TrainingJob
    from vramlint.memory import CannotEstimate, estimate_job

    try:
        return estimate_job(TrainingJob(model=model)).parameters
    except CannotEstimate:
        return None


def _shown(path: Path) -> str:
    """A path as seen from the current folder."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _row(model: Model, width: int) -> str:
    parameters = f"{model.parameters:>17,}" if model.parameters else f"{'unknown':>17}"
    stored = model.quantized_as or model.dtype or ""
    return f"{model.name:<{width}}  {parameters}  {stored:<9}  {model.model_type}".rstrip()
