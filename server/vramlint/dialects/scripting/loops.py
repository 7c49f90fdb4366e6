"""A run whose training loop the script writes itself: a language model, an optimizer over its weights, and
`loss.backward()`; with Accelerate, with DistributedDataParallel, or alone.

Its arguments go by the names of Hugging Face's, as people's own configs do.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from vramlint.catalog.optimizers import name_of_class
from vramlint.dialects.kit.run import Given, Run, Trainer, Unknown
from vramlint.dialects.own_script.names import ACCUMULATION
from vramlint.dialects.scripting.classes import CAUSAL, WRAPPERS
from vramlint.dialects.scripting.deepspeed_engine import config_of, engine_facts, engine_of, named_optimizer
from vramlint.dialects.scripting.facts import MODEL, PREPARED, SHAPE, SPREAD, model_facts
from vramlint.dialects.scripting.given import Facts, argument_of, given
from vramlint.dialects.scripting.rows import agreed, batch_of, counted, length_of, undecided
from vramlint.dialects.scripting.workers import launched
from vramlint.document.place import Place
from vramlint.document.python.cells import Cell
from vramlint.document.python.evaluate import Evaluation
from vramlint.document.python.values import Known, Made
from vramlint.lazy_dataclasses import replace
from vramlint.vocabulary import Loop

_PACKAGES = ("torch.optim.", "bitsandbytes.optim.", "transformers.", "torchao.", "deepspeed.ops.")
_SHARDS = ("FullyShardedDataParallel", "fully_shard")


def own_loop(reading: Evaluation, cells: Sequence[Cell]) -> tuple[Run, Facts] | None:
    """The run of a script's own loop, and the fields that it states itself; None where it has none."""
    made = reading.made
    bases = [each for each in made if is_language_model(each)]
    optimizers = [each for each in made if is_optimizer(each)]
    engine = engine_of(reading)
    if not bases or not (optimizers or engine):
        return None
    place = optimizers[0].place if optimizers else engine.place if engine else bases[0].place
    trained = {id(owner): owner for each in optimizers for owner in owners(each)}
    if engine is not None and isinstance(under := engine.argument("model", 1), Made) and not trained:
        trained = {id(under): under}
    model = next(iter(trained.values())) if len(trained) == 1 else outermost(bases[0], made)
    facts = model_facts(model, place) if _holds_one_of(model, bases) else None
    if facts is None or MODEL not in facts:
        return None
    if not trained and facts[MODEL].value is None and SHAPE not in facts:
        return None  # neither what is optimized nor the model is known: a library's definition
    opened: list[Unknown] = []
    nodes = [node for cell in cells for node in cell.nodes]
    backward = next(_calls(nodes, "backward"), None)
    if len({id(each) for each in bases}) > 1:
        opened.append(Unknown("method", "more than one language model takes part", place))
    elif _generates(made):
        opened.append(Unknown("method", "the loop generates text with the model", place))
    elif backward is not None and not _has_language_loss(nodes):
        opened.append(Unknown("method", "the loss is not that of the language model", place))
    if backward is None:
        opened.append(Unknown("estimate", "the loop is in another module", place))
    if freezes(nodes):
        opened.append(Unknown("estimate", "which weights are trained is decided by the script", place))
    facts |= _loop_facts(reading, optimizers, backward is not None, place)
    if engine is not None:
        facts |= engine_facts(engine, reading)
    stated = _engine(facts, made, opened)
    if engine is not None and (named := named_optimizer(engine, reading)) is not None:
        stated["optimizer"] = given(named, place)
    return _run(facts, stated, reading, opened, place, nodes)


def _run(
    facts: Facts,
    stated: Facts,
    reading: Evaluation,
    opened: list[Unknown],
    place: Place,
    nodes: Sequence[ast.AST],
) -> tuple[Run, Facts]:
    """The run with what its loop states."""
    fresh = facts.pop("fresh", None)
    prepared, shape, _ = (facts.pop(name, None) for name in (PREPARED, SHAPE, SPREAD))
    if shape is not None:
        stated["model"] = shape
    arguments = arguments_of(facts, reading, opened, place)
    if not any(each.field == "method" for each in opened):
        stated["method"] = Given("pretrain" if fresh else "sft", fresh.place if fresh else place)
    loop: Loop = "plain" if _keeps_outputs(nodes) else "freed"
    if any(each.kind == "Accelerator" for each in reading.made):
        half = arguments.get("bf16")  # else its launcher says
        if loop == "plain" and (half is None or half.value is not False):
            why = "outputs that Accelerate makes float32 and the loop keeps through backward are not modelled"
            opened.append(Unknown("estimate", why, place))
        loop = "trainer"
    alone = not any(each.kind in _DISTRIBUTED for each in reading.made)
    raised = bool(prepared and prepared.value)
    trainer = Trainer("own", "pretrain" if fresh else "sft", raised, loop, alone, called=True)
    run = Run(
        launched(place, reading.made, alone=alone),
        Given("own loop", place),
        "own-script",
        arguments=arguments,
        open=tuple(opened),
        trainer=trainer,
    )
    return run, {**stated, **stated_weights(arguments, place), "framework": Given("own-loop", place)}


def stated_weights(arguments: Facts, place: Place) -> Facts:
    """What a script says of its adapter and its quantization, whatever else is open."""
    adapter = arguments.get("use_peft")
    found = {"adapter": Given("none", place, "implied")}
    if adapter is not None:
        found["adapter"] = replace(adapter, value="lora" if adapter.value else None)
    asked = [(bits, arguments.get(f"load_in_{bits}bit")) for bits in (4, 8)]
    if any(each is not None and each.why for _, each in asked):
        return found
    on = next(((bits, each) for bits, each in asked if each is not None and each.value), None)
    if on is None:
        found["quant"] = Given("none", place, "implied")
        return found
    kind = arguments.get("bnb_4bit_quant_type")
    scheme = "int8" if on[0] == 8 else f"bnb-{kind.value if kind is not None else 'fp4'}"
    found["quant"] = replace(on[1], value=scheme)
    return found


def arguments_of(facts: Facts, reading: Evaluation, opened: list[Unknown], place: Place) -> Facts:
    """What a program without a trainer states, by the names that people's own scripts use, with the tokens of
    a row; these join `opened` where the data set decides them.
    """
    arguments = _own_names(facts)
    length = length_of(reading)
    if length is not None:
        arguments["max_seq_length"] = length
    else:
        opened.append(undecided(reading.made, place))
    return arguments


def _own_names(facts: Facts) -> Facts:
    """Facts of a model by the names that people's own configs have."""
    renamed = {"dtype": "torch_dtype"}
    found = {renamed.get(name, name): each for name, each in facts.items()}
    found.pop("unsloth", None)
    return found


def _loop_facts(reading: Evaluation, optimizers: list[Made], backward: bool, place: Place) -> Facts:
    """Batch, accumulation, optimizer, mixed precision and clipping."""
    made = reading.made
    found: Facts = {"optim": optimizer_of(optimizers, place)} if optimizers else {}
    found["per_device_train_batch_size"] = batch_of(reading, place)
    steps = _accumulation(reading, place) if backward else agreed(reading, ACCUMULATION)
    why = "the loop is in another module"
    found["gradient_accumulation_steps"] = steps or Given(None, place, "literal", place, why)
    found |= precision(made, place)
    clips = [each for each in made if each.kind.startswith("clip_grad_norm")]
    found["max_grad_norm"] = Given(1.0 if clips else 0.0, clips[0].place if clips else place, "implied")
    for each in made:
        if each.name == "torch.compile":
            found["torch_compile"] = Given(True, each.place)
    return found


def is_language_model(made: Made) -> bool:
    """Whether a call makes a language model, by its class."""
    owner = made.name.split(".")[-2] if "." in made.name else ""
    if made.kind in ("from_pretrained", "from_config", "_from_config"):
        return bool(CAUSAL.match(owner))
    return bool(CAUSAL.match(made.kind)) and made.name.startswith("transformers.")


def is_optimizer(made: Made) -> bool:
    """Whether a call makes an optimizer of a library that is known."""
    if made.owner is not None or not made.name.startswith(_PACKAGES) or "lr_scheduler" in made.name:
        return False
    return not made.name.startswith("transformers.") or made.kind in ("Adafactor", "AdamW")


def owners(optimizer: Made) -> Iterator[Made]:
    """The models whose parameters an optimizer is given, where they are named."""
    value = optimizer.argument("params", 0)
    while isinstance(value, Made) and value.kind == "filter" and len(value.arguments) > 1:
        value = value.arguments[1]
    if (
        isinstance(value, Made)
        and value.kind in ("parameters", "named_parameters")
        and value.owner is not None
    ):
        yield value.owner


def _holds_one_of(model: Made, bases: Sequence[Made]) -> bool:
    """Whether a model is a language model of the script, or one that wraps it."""
    for _ in range(8):
        if any(model is base for base in bases):
            return True
        inner = model.argument(WRAPPERS.get(model.name, "model"), 0)
        if not isinstance(inner, Made):
            inner = model.owner
        if inner is None:
            return False
        model = inner
    return False


def outermost(base: Made, made: Sequence[Made]) -> Made:
    """What became of a model: the last call that takes it and returns it changed."""
    current = base
    for each in made:
        inner = each.argument(WRAPPERS.get(each.name, "model"), 0)
        if inner is current and (each.kind in _CHANGES or each.name in WRAPPERS):
            current = each
    return current


_CHANGES = frozenset(("get_peft_model", "prepare_model_for_kbit_training", "prepare_model_for_int8_training"))


def optimizer_of(optimizers: Sequence[Made], place: Place) -> Given:
    """The optimizer by transformers' name for it."""
    names = {each.name for each in optimizers}
    first = optimizers[0]
    if len(names) > 1:
        return Given(None, place, "literal", place, "more than one optimizer is made")
    if first.missing:
        return Given(None, first.place, "literal", place, first.missing)
    name = name_of_class(first.name)
    fused, foreach = first.argument("fused"), first.argument("foreach")
    momentum = first.argument("momentum")
    if momentum is not None and not (isinstance(momentum, Known) and not momentum.value):
        return Given(None, first.place, "literal", place, "momentum is not modelled")
    if any(each is not None and not isinstance(each, Known) for each in (fused, foreach)):
        return Given(None, first.place, "literal", place, "fused or not is decided by the run")
    if name == "adamw_torch" and isinstance(fused, Known) and fused.value:
        name = "adamw_torch_fused"
    if name == "adamw_torch" and isinstance(foreach, Known) and foreach.value is False:
        name = "adamw_torch_single"
    return Given(name, first.place)


def _accumulation(reading: Evaluation, place: Place) -> Given:
    """Backward passes to a step."""
    asked = [
        argument_of(each, "gradient_accumulation_steps", 3)
        for each in reading.made
        if each.kind == "Accelerator"
    ]
    found = next((each for each in asked if each is not None), None)
    if found is not None:
        return found
    if any(
        each.kind == "Accelerator" and each.argument("gradient_accumulation_plugin") for each in reading.made
    ):
        return Given(None, place, "literal", place, "decided by a plugin of Accelerate")
    rounds = [_passes(given(each, place)) for each in reading.rounds]
    if not rounds:
        return Given(1, place, "implied")
    values = {each.value for each in rounds}
    if len(values) == 1:
        return rounds[0]
    return Given(None, place, "literal", place, "conditions around the step disagree")


def _passes(found: Given) -> Given:
    """How many passes a loop makes that goes over a number of them, or over a list."""
    if isinstance(found.value, list) and found.value:
        return replace(found, value=len(found.value))
    return counted(found)


def precision(made: Sequence[Made], place: Place) -> Facts:
    """Mixed precision by autocast or by Accelerate. What Accelerate is not told, its launcher says."""
    found: Facts = {}
    for each in made:
        if each.kind == "Accelerator":
            asked = argument_of(each, "mixed_precision", 2)
            if asked is None or asked.value is None:
                return {} if asked is None else {"bf16": asked}
            return _half(str(asked.value), asked)
        if each.kind == "autocast" and each.name.startswith("torch."):
            found = _autocast(each)
    return found or {name: Given(False, place, "implied") for name in ("bf16", "fp16")}


def _autocast(made: Made) -> Facts:
    """torch.autocast: float16 on a GPU unless it is told otherwise (amp/autocast_mode.py of torch 2.13)."""
    enabled = made.argument("enabled")
    if enabled is not None and not isinstance(enabled, Known):
        opened = Given(None, made.place, "literal", made.place, "autocast is switched by the run")
        return {"bf16": opened}
    if isinstance(enabled, Known) and not enabled.value:
        return {}
    dtype = argument_of(made, "dtype", 1)
    if dtype is None:
        return _half("fp16", Given("fp16", made.place))
    if dtype.value is None:
        return {"bf16": dtype}
    return _half(str(dtype.value), dtype)


def _half(word: str, said: Given) -> Facts:
    """`bf16` and `fp16` of a word that names one of them."""
    bf16, fp16 = "bf" in word, "fp16" in word or (word.endswith("float16") and "bf" not in word)
    return {"bf16": replace(said, value=bf16), "fp16": replace(said, value=fp16)}


_DISTRIBUTED = frozenset(
    ("Accelerator", "initialize", "init_process_group", "DistributedDataParallel", *_SHARDS)
)
"""What a script does only where a launcher starts it on every GPU."""


def _engine(facts: Facts, made: Sequence[Made], opened: list[Unknown]) -> Facts:
    """The engine that the script itself puts under the model, as a stated field."""
    for each in made:
        if each.kind in _SHARDS:
            opened.append(Unknown("estimate", "the script's own wrapping by FSDP is not read", each.place))
            return {"engine": Given("fsdp", each.place)}
        if each.name == "deepspeed.initialize":
            facts["deepspeed"] = config_of(each)
            return {"engine": Given("deepspeed", each.place)}
        if each.kind == "DistributedDataParallel":
            view = each.argument("gradient_as_bucket_view")
            if view is not None and not (isinstance(view, Known) and not view.value):
                opened.append(
                    Unknown("estimate", "gradients that are DDP's buckets are not modelled", each.place)
                )
            return {"engine": Given("ddp", each.place)}
        if each.kind == "Accelerator" and (each.argument("fsdp_plugin") or each.argument("deepspeed_plugin")):
            opened.append(Unknown("engine", "decided by a plugin of Accelerate", each.place))
    return {}


def _generates(made: Sequence[Made]) -> bool:
    """Whether a language model writes text inside what is trained: rollouts, not supervised training."""
    return any(
        each.kind == "generate" and each.name.endswith("from_pretrained.generate") for each in made
    ) and any("reward" in each.name.lower() or "advantage" in each.name.lower() for each in made)


def freezes(nodes: Sequence[ast.AST]) -> bool:
    """Whether weights are frozen one by one."""
    return next(_calls(nodes, "requires_grad_"), None) is not None or any(
        isinstance(target, ast.Attribute) and target.attr == "requires_grad"
        for node in nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
    )


def _calls(nodes: Sequence[ast.AST], name: str) -> Iterator[ast.Call]:
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
            yield node


_LOSSES = frozenset(("loss", "cross_entropy", "CrossEntropyLoss"))


def _has_language_loss(nodes: Sequence[ast.AST]) -> bool:
    """Whether the loss may be that of the next token: the model's own, or a cross entropy."""
    return any(
        (isinstance(node, ast.Attribute) and node.attr in _LOSSES)
        or (isinstance(node, ast.Name) and node.id in _LOSSES - {"loss"})
        or (isinstance(node, ast.Constant) and node.value == "loss")
        for node in nodes
    )


def _keeps_outputs(nodes: Sequence[ast.AST]) -> bool:
    """Whether what the model returned has a name while backward runs: not in `model(**batch).loss`."""
    attributes = (node for node in nodes if isinstance(node, ast.Attribute))
    taken = [node.value for node in attributes if node.attr in ("loss", "logits")]
    return not taken or any(not isinstance(value, ast.Call) for value in taken)
