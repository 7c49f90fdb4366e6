"""Configs that a framework ships as code and a launch line names: torchtitan's from 0.3."""

from __future__ import annotations

from vramlint.dialects.kit.run import Given, Unknown
from vramlint.dialects.launching.arguments import Arguments
from vramlint.lazy_dataclasses import replace
from vramlint_schemas import torchtitan_configs


def with_registered(arguments: Arguments) -> Arguments:
    """`--module llama3 --config llama3_8b`: the values of torchtitan's own function of that name, which
    those of the line beat (config/manager.py of torchtitan 0.3). A module of one's own is not here.
    """
    module = arguments.values.get("module")
    if module is None or len(arguments.configs) != 1:
        return arguments
    named = arguments.configs[0]
    shipped = torchtitan_configs().get(str(module.value), {}).get(str(named.value))
    values = {key: given for key, given in arguments.values.items() if key != "module"}
    if shipped is None:
        own = replace(named, value=f"{module.value}.{named.value}")
        return arguments._replace(values=values, configs=(own,))
    said = {
        key: Given(value, named.place, "implied", named.used)
        for key, value in shipped.items()
        if key != "open" and key not in values
    }
    opened = tuple(Unknown(field, why, named.place) for field, why in shipped.get("open", {}).items())
    return arguments._replace(values={**said, **values}, configs=(), open=(*arguments.open, *opened))
