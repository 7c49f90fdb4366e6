"""torchtitan from 0.3: Python functions that return a `Trainer.Config`, each a run of its own.

A launch line names one of them (`--module llama3 --config llama3_8b`, config/manager.py of torchtitan 0.3).
What they return is read as the keys that older releases have in TOML.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from vramlint.dialects.kit.run import Given, Launch, Run, Unknown
from vramlint.dialects.scripting.given import Facts, given
from vramlint.document.place import How, Place
from vramlint.document.python.evaluate import Evaluation
from vramlint.document.python.values import Function, Items, Known, Made, Open, Symbol, Value

_SECTIONS: Mapping[str, str] = {
    "training": "TrainingConfig",
    "parallelism": "ParallelismConfig",
    "compile": "CompileConfig",
}
"""Sections by the class that makes them (config/configs.py)."""
_POLICIES: Mapping[str, Mapping[str, str]] = {
    "FullAC": {"mode": "full"},
    "SelectiveAC": {"mode": "selective", "selective_ac_option": "op"},
    "MemoryBudgetAC": {"mode": "memory_budget"},
}
"""distributed/activation_checkpoint.py; SelectiveAC where nothing is said (trainer.py)."""
_FAMILIES = ("llama3", "llama4", "qwen3", "qwen3_5", "deepseek_v3", "gpt_oss", "kimi_k2_7", "muse_glimmer")
_VARLEN = frozenset(("gpt_oss",))
"""Families whose attention is varlen, not flex, where nothing is said (models/*/__init__.py)."""
_UNREAD: Mapping[str, str] = {
    "LoRAConverter": "LoRA over torchtitan's models",
    "MXFP8LinearConverter": "MXFP8 linears",
    "NVFP4LinearConverter": "NVFP4 linears",
}
_IMPLEMENTATIONS = ("for-loop", "foreach", "fused")


def registry_runs(reading: Evaluation, family: str | None = None) -> Iterator[Run]:
    """The runs that the functions of a registry describe. `family`: that of a `model_registry` beside the
    file, where its folder is known.
    """
    for name, value in tuple(reading.top.names.items()):
        if not isinstance(value, Function) or not _describes(value.node):
            continue
        found = reading.follow(value, [], {}, value.locate(value.node))
        if isinstance(found, Made) and _is_config(found.name):
            yield _run(name, value.locate(value.node), found, family or _beside(name, reading))


def _describes(node: ast.AST) -> bool:
    """Whether a function takes nothing and says that it returns a trainer's config."""
    if not isinstance(node, ast.FunctionDef) or node.args.args or node.args.kwonlyargs:
        return False
    returned = ast.unparse(node.returns) if node.returns is not None else ""
    return returned.strip("'\"").endswith("Trainer.Config")


def _is_config(name: str) -> bool:
    return name.startswith("torchtitan.") and name.endswith(".Trainer.Config")


def _run(name: str, place: Place, config: Made, beside: str | None) -> Run:
    opened: list[Unknown] = []
    facts: Facts = {}
    for section, kind in _SECTIONS.items():
        value = config.keywords.get(section)
        if isinstance(value, Made) and value.kind in (kind, section) and not value.missing:
            facts |= {f"{section}.{key}": found for key, found in _of(value).items()}
        elif value is not None:
            opened.append(_unknown("config", value, config.place))
    if _plain(facts, "training.global_batch_size") == -1:
        del facts["training.global_batch_size"]  # it follows from the rows of each GPU
    facts |= _model(config, beside, opened)
    facts |= _checkpointing(config, opened)
    facts |= _optimizer(config, opened)
    facts |= _loss(config, opened)
    if config.missing:
        opened.append(Unknown("config", config.missing, config.place))
    first = place._replace(span=place.span._replace(end=place.span.start + len("def ") + len(name)))
    return Run(
        Launch(first, ("python",)), Given(name, first), "torchtitan", arguments=facts, open=tuple(opened)
    )


def _of(made: Made) -> Facts:
    """The arguments of a call, as they are written."""
    return {key: given(value, made.place, made.words.get(key)) for key, value in made.keywords.items()}


def _plain(facts: Facts, key: str) -> Any:
    return facts[key].value if key in facts else None


def _unknown(field: str, value: Value, place: Place) -> Unknown:
    why = value.why if isinstance(value, Open) else "made by something that is not followed"
    return Unknown(field, why, place)


def _owner(made: Made) -> str:
    """The class whose `Config` a call makes; a function's own name."""
    parts = made.name.split(".")
    return parts[-2] if parts[-1] == "Config" and len(parts) > 1 else parts[-1]


def _model(config: Made, beside: str | None, opened: list[Unknown]) -> Facts:
    """`model_registry("8B", attn_backend=…, converters=[…])`; its module is the family."""
    spec = config.keywords.get("model_spec")
    if not isinstance(spec, Made) or spec.kind != "model_registry":
        opened.append(_unknown("model", spec or Open("no model is named", config.place), config.place))
        return {}
    flavor = spec.argument("flavor", 0)
    module = spec.name.rpartition(".")[0].rpartition(".")[2]
    family = module if module in _FAMILIES else beside if module == "" else None
    if flavor is None or family is None:
        opened.append(Unknown("model", "its family is not said here", spec.place))
        return {}
    backend = spec.argument("attn_backend")
    if backend is None:
        backend = Known("varlen" if family in _VARLEN else "flex", spec.place, "implied")
    return {
        "model.name": Given(family, spec.place),
        "model.flavor": given(flavor, spec.place),
        "model.attn_backend": given(backend, spec.place),
        **_converted(spec, opened),
    }


def _beside(function: str, reading: Evaluation) -> str | None:
    """The family of a `model_registry` that is beside the file: that of the model's class, else the one that
    the function is named after.
    """
    classes = [
        each.name.rpartition(".")[2] for each in reading.top.names.values() if isinstance(each, Symbol)
    ]
    words = {each.removesuffix("Model").lower() for each in classes if each.endswith("Model")}
    known = [family for family in _FAMILIES if family.replace("_", "") in words]
    if len(known) == 1:
        return known[0]
    name = function.replace("_", "")
    named = [family for family in _FAMILIES if name.startswith(family.replace("_", ""))]
    return max(named, key=len) if named else None


def _converted(spec: Made, opened: list[Unknown]) -> Facts:
    converters = spec.argument("converters")
    if converters is None or (isinstance(converters, Known) and converters.value is None):
        return {}
    if not isinstance(converters, Items):
        opened.append(_unknown("estimate", converters, spec.place))
        return {}
    found: Facts = {}
    for each in converters.items:
        kind = _owner(each) if isinstance(each, Made) else ""
        if isinstance(each, Made) and kind == "Float8LinearConverter":
            found["model.converters"] = Given(["quantize.linear.float8"], each.place)
            recipe = each.argument("recipe_name") or Known("rowwise", each.place, "implied")
            found["quantize.linear.float8.recipe_name"] = given(recipe, each.place)
        else:
            why = f"{_UNREAD.get(kind, kind or 'a converter that is not known here')}: not modelled"
            opened.append(Unknown("estimate", why, spec.place))
    return found


def _checkpointing(config: Made, opened: list[Unknown]) -> Facts:
    policy = config.keywords.get("activation_checkpoint")
    if isinstance(policy, Known) and policy.value is None:
        return {"activation_checkpoint.mode": Given("none", policy.place)}
    kind = "SelectiveAC" if policy is None else _owner(policy) if isinstance(policy, Made) else ""
    if kind not in _POLICIES:
        opened.append(_unknown("grad_ckpt", policy or Open("", config.place), config.place))
        return {}
    place = policy.place if isinstance(policy, Made) else config.place
    how: How = "literal" if isinstance(policy, Made) else "implied"
    return {f"activation_checkpoint.{key}": Given(word, place, how) for key, word in _POLICIES[kind].items()}


def _optimizer(config: Made, opened: list[Unknown]) -> Facts:
    """`default_adamw()`, or groups that share one optimizer (components/optimizer/optimizer.py)."""
    value = config.keywords.get("optimizer")
    kind = _owner(value) if isinstance(value, Made) else ""
    if isinstance(value, Made) and kind == "default_adamw":
        return {"optimizer.name": Given("AdamW", value.place)}
    if isinstance(value, Made) and kind == "OptimizersContainer":
        groups = value.argument("param_groups")
        named = {_name(each) for each in groups.items} if isinstance(groups, Items) else {None}
        implementation = value.argument("implementation") or Known("fused", value.place)
        known = isinstance(implementation, Known) and implementation.value in _IMPLEMENTATIONS
        if len(named) == 1 and None not in named and known:
            return {
                "optimizer.name": Given(named.pop(), value.place),
                "optimizer.implementation": given(implementation, value.place),
            }
    opened.append(_unknown("optimizer", value or Open("no optimizer is named", config.place), config.place))
    return {}


def _name(group: Value) -> str | None:
    name = group.argument("optimizer_name") if isinstance(group, Made) else None
    return str(name.value) if isinstance(name, Known) else None


def _loss(config: Made, opened: list[Unknown]) -> Facts:
    value = config.keywords.get("loss")
    kind = _owner(value) if isinstance(value, Made) else ""
    if kind == "CrossEntropyLoss":
        return {}
    if isinstance(value, Made) and kind == "ChunkedLossWrapper":
        return {"loss.num_chunks": given(value.argument("num_chunks") or Known(8, value.place), value.place)}
    opened.append(_unknown("estimate", value or Open("no loss is named", config.place), config.place))
    return {}
