"""A short run of every fuzzing harness; `python -m fuzz.run` makes the long ones."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))

from fuzz.harnesses import HARNESSES  # noqa: E402
from fuzz.mutation import inputs  # noqa: E402
from fuzz.talk import talk  # noqa: E402
from fuzz.targets import analysed, config_json  # noqa: E402

MUTATIONS = {"config": 15, "launch": 20, "program": 30}
"""Inputs of a harness; of the others more, which take less."""


@pytest.mark.parametrize("name", HARNESSES)
def test_a_short_run(name: str) -> None:
    harness = HARNESSES[name]()
    if harness.holds is not None:
        harness.holds()
        return
    mutations = inputs(harness.seeds, Random(0), 4096)
    for _ in range(MUTATIONS.get(name, 100)):
        harness.entry(next(mutations))


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "deepseek_v3", "q_lora_rank": [None]},
        {"model_type": "bert", "num_key_value_heads": ["", 1, False]},
        {"model_type": "llama", "vision_config": {}, "text_config": 3},
        {"model_type": "", "vision_config": {"depth": 1}, "text_config": True},
    ],
    ids=lambda config: str(config["model_type"]),
)
def test_configs_that_fuzzing_found(config: dict[str, object]) -> None:
    config_json(config)


@pytest.mark.parametrize(
    "body", [b"[8, false]", b"7", b"null", b'{"jsonrpc": "1.0"}', b"\xff", b"{"], ids=repr
)
def test_what_is_no_message_stops_no_server(body: bytes) -> None:
    start = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}
    stop = {"jsonrpc": "2.0", "id": 2, "method": "shutdown"}
    answers = talk([json.dumps(start).encode(), body, json.dumps(stop).encode()])
    assert {1, 2} <= {answer.get("id") for answer in answers}


def test_what_is_no_request_may_be_refused_under_the_number_of_one() -> None:
    start = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"capabilities": {}}}
    talk([json.dumps(each).encode() for each in (start, {"jsonrpc": {}, "id": 0, "method": [1]})])


@pytest.mark.parametrize("number", [[], {}, [1], {"a": 1}], ids=repr)
def test_an_id_that_is_none_refuses_one_message(number: object) -> None:
    start = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"capabilities": {}}}
    odd = {"jsonrpc": "2.0", "id": number, "method": "vramlint/gpus", "params": {}}
    cancel = {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": number}}
    stop = {"jsonrpc": "2.0", "id": 2, "method": "shutdown"}
    answers = talk([json.dumps(each).encode() for each in (start, odd, cancel, stop)])
    assert [answer["error"]["code"] for answer in answers if "error" in answer] == [-32600]
    assert 2 in {answer.get("id") for answer in answers}


def test_a_notification_sent_as_a_request_is_refused() -> None:
    start = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"capabilities": {}}}
    odd = {"jsonrpc": "2.0", "id": 5, "method": "initialized", "params": {}}
    answers = talk([json.dumps(each).encode() for each in (start, odd)])
    assert next(each for each in answers if each.get("id") == 5)["error"]["code"] == -32600


def test_a_request_without_a_name_is_answered_after_shutdown_too() -> None:
    start = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"capabilities": {}}}
    stop = {"jsonrpc": "2.0", "id": 1, "method": "shutdown"}
    odd = {"jsonrpc": "2.0", "id": 2, "method": "", "params": {}}
    answers = talk([json.dumps(each).encode() for each in (start, stop, odd)])
    assert next(each for each in answers if each.get("id") == 2)["error"]["code"] == -32600


CONFIG = (
    "# vramlint: gpu=RTX-4090\nbase_model: meta-llama/Llama-3.1-8B\nmicro_batch_size: 1\nsequence_len: 8\n"
)


@pytest.mark.parametrize("path", [[], [None], [{}], ["optimizer", []], "optimizer", None], ids=repr)
def test_a_completion_of_no_key_is_answered_as_it_came(path: object) -> None:
    data = {"uri": "file:///nowhere/a.yaml", "path": path, "value": True}
    document = {"uri": data["uri"], "languageId": "yaml", "version": 1, "text": CONFIG}
    messages = (
        {"id": 1, "method": "initialize", "params": {"capabilities": {}}},
        {"method": "textDocument/didOpen", "params": {"textDocument": document}},
        {"id": 2, "method": "completionItem/resolve", "params": {"label": "x", "data": data}},
    )
    answers = talk([json.dumps({"jsonrpc": "2.0", **each}).encode() for each in messages])
    assert next(each for each in answers if each.get("id") == 2)["result"] == {"label": "x", "data": data}


def test_the_harness_sees_what_is_passed_over() -> None:
    assert analysed(CONFIG).estimate
