"""Configs that a framework ships and a launch line names: files, functions of torchtitan, verl's own."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vramlint.dialects.kit.run import Given, Unknown
from vramlint.dialects.launching.arguments import CONFIG, OPEN, Arguments
from vramlint.lazy_dataclasses import replace
from vramlint_schemas import shipped_configs, torchtitan_configs

_NAMED: Mapping[str, re.Pattern[str]] = {
    "torchtune": re.compile(r"(.+)"),
    "litgpt": re.compile(r"https://.*/Lightning-AI/litgpt/.*/config_hub/(.+)"),
    "oumi": re.compile(r"oumi://(.+)"),
}
"""How a launch line names a config of the framework's own: `tune run` by its name (_cli/run.py of torchtune
0.6.1), LitGPT by its address, oumi by one that it looks up in its repository (utils/config of oumi 0.9).
"""


def with_shipped(arguments: Arguments, framework: str) -> Arguments:
    """The values of a config that the framework ships, which those of the line beat."""
    for config in arguments.configs if framework in _NAMED else ():
        named = _NAMED[framework].fullmatch(str(config.value))
        values = shipped_configs(framework).get(named[1]) if named else None
        if values is not None:
            said = {key: Given(value, config.place, "implied", config.used) for key, value in values.items()}
            others = tuple(each for each in arguments.configs if each is not config)
            return arguments._replace(values={**said, **arguments.values}, configs=others)
    return arguments


_COMPONENT = re.compile(r"\w+(?:\.\w+)+")


def with_components(arguments: Arguments) -> Arguments:
    """torchtune's overrides: `optimizer=a.B` names the component of a section, and None is no value
    (config/_utils.py of torchtune 0.6.1).
    """
    values: dict[str, Given] = {}
    for key, given in arguments.values.items():
        names_component = "." not in key and _COMPONENT.fullmatch(str(given.value))
        values[f"{key}._component_" if names_component else key] = (
            replace(given, value=None) if given.value == "None" else given
        )
    return arguments._replace(values=values)


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


_OWN_FOLDERS = ("config", "./config", "verl/trainer/config")
"""Folders of verl's own files, as seen from its trainers."""


def with_named(arguments: Arguments) -> Arguments:
    """Hydra's `--config-path=FOLDER --config-name=NAME`: a file of that folder, or a parent of the line's
    values where it is one of verl's own (trainer/main_ppo.py of verl 0.9.1).
    """
    name = arguments.values.get("config_name")
    folder = next((given for given in arguments.configs if not CONFIG.match(str(given.value))), None)
    if name is None:
        return arguments
    values = {key: given for key, given in arguments.values.items() if key != "config_name"}
    configs = tuple(given for given in arguments.configs if given is not folder)
    if not isinstance(name.value, str):
        opened = Unknown("config", name.why or "not known here", name.place)
        return arguments._replace(values=values, configs=configs, open=(*arguments.open, opened))
    stem = name.value.removesuffix(".yaml")
    if folder is None or str(folder.value).replace(f"{OPEN}/", "") in _OWN_FOLDERS:
        return arguments._replace(values={"defaults": replace(name, value=[stem]), **values}, configs=configs)
    file = replace(folder, value=f"{folder.value}/{stem}.yaml")
    return arguments._replace(values=values, configs=(file, *configs))
