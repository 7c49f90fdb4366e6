"""Which weights are unsharded at once, by hand: a unit, the whole model, all units until backward."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from configs import analysis_of, estimate_of, moment

from vramlint.catalog.facts import Model
from vramlint.job import Parallel, Precision, TrainingJob
from vramlint.memory import Estimate, estimate_job

CONFIG = {
    "hidden_size": 1024,
    "num_hidden_layers": 12,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "intermediate_size": 4096,
    "vocab_size": 8192,
}
LAYERS = 12 * (4 * 1024**2 + 3 * 1024 * 4096 + 2 * 1024) * 2
"""Bytes of all layers in 16 bit."""
JOB = TrainingJob(
    Model("small", "llama", CONFIG),
    precision=Precision(weights="bfloat16"),
    optimizer="sgd",
    sequence_length=512,
    gradient_checkpointing="full",
    loop="freed",
)


def sharded(**parallel: object) -> Estimate:
    return estimate_job(replace(JOB, parallel=Parallel("fsdp1", data=8, **parallel)))  # type: ignore[arg-type]


def test_without_a_wrapping_policy_all_weights_and_gradients_coexist() -> None:
    whole, units = sharded(wrap="none"), sharded()
    assert whole.components["gradients"] > 0.9 * LAYERS
    assert whole.peak_allocated_bytes - units.peak_allocated_bytes > 1.5 * LAYERS


def test_sharded_gradients_alone_leave_all_weights_gathered_until_backward() -> None:
    kept, units = sharded(sharding="grad-op"), sharded()
    more = kept.phase_peaks["forward"] - units.phase_peaks["forward"]
    assert LAYERS * 10 / 12 <= more <= LAYERS  # two layers are gathered at once in either


def test_what_lies_on_the_rank_is_the_same() -> None:
    weights = {sharded(wrap=wrap).components["weights"] for wrap in ("layer", "none")}
    assert len(weights) == 1


PACKED = """# vramlint: gpu=RTX-4090 x2
model_name_or_path: Qwen/Qwen1.5-72B-Chat-GPTQ-Int4
stage: sft
do_train: true
finetuning_type: lora
lora_target: all
dataset: own
template: qwen
cutoff_len: 512
output_dir: out
per_device_train_batch_size: 1
gradient_accumulation_steps: 2
bf16: true
fsdp: full_shard auto_wrap offload
fsdp_config:
  transformer_layer_cls_to_wrap: [Qwen2DecoderLayer]
"""


def test_packed_weights_are_buffers_that_no_engine_shares_or_offloads(tmp_path: Path) -> None:
    """GPTQ's qweight is a buffer (register_buffer): 72B in four bits stay whole on each GPU."""
    for text in (PACKED, PACKED + "quantization_bit: 4\n"):
        analysis = analysis_of(tmp_path, text)
        assert analysis.estimate is not None
        assert analysis.estimate.components["weights"] > 36e9
        refused = [finding for finding in analysis.findings if "packed weights" in finding.message]
        assert [finding.severity for finding in refused] == ["error"]


JOB_FILE = """vramlint: 1
model: TheBloke/Llama-2-70B-GPTQ
method: qlora
adapter: {r: 16, targets: [q_proj, v_proj]}
quantization: {scheme: gptq-int4, compute: float16}
parallel: {strategy: fsdp1, data: 2, wrap: layer, param_dtype: float16}
loading: host
sequence_length: 512
gradient_checkpointing: full
"""


def test_a_loader_may_make_parameters_of_packed_weights(tmp_path: Path) -> None:
    """fms-acceleration views qweight as float16 parameters, which FSDP shares out and gathers by unit."""
    text = JOB_FILE.replace("4, compute", "4, packed: parameters, compute")
    shared = analysis_of(tmp_path, text).estimate
    whole = analysis_of(tmp_path, text.replace("packed: parameters", "packed: buffers")).estimate
    assert shared is not None
    assert whole is not None
    assert 17e9 < shared.components["weights"] < 19e9
    assert 34e9 < whole.components["weights"] < 37e9
    assert analysis_of(tmp_path, JOB_FILE).estimate == shared


PREFERENCE = """# vramlint: gpu=A100-80GB x8 versions=trl@1.10
model_name_or_path: Qwen/Qwen2.5-0.5B
dataset_name: d
output_dir: o
loss_type: sigmoid
max_length: 1024
per_device_train_batch_size: 2
gradient_checkpointing: true
bf16: true
precompute_ref_log_probs: true
fsdp: full_shard
"""


def test_autocast_stays_on_under_fsdp(tmp_path: Path) -> None:
    """accelerate's native_amp: what the model returns becomes float32, and no weight is cast twice."""
    estimate = analysis_of(tmp_path, PREFERENCE).estimate
    assert estimate is not None
    names = " ".join(tensor.name for tensor in estimate.tensors)
    assert "float32 by the trainer" in names
    assert "cast by autocast" not in names


QLORA = """# vramlint: gpu=RTX-4090 x8
model_name_or_path: Qwen/Qwen2.5-32B
dataset_name: d
output_dir: o
use_peft: true
load_in_4bit: true
dtype: bfloat16
max_length: 512
per_device_train_batch_size: 1
gradient_checkpointing: true
fsdp: full_shard
"""


def test_fsdp2_shares_four_bit_weights_in_a_floating_container_only(tmp_path: Path) -> None:
    """accelerate's fsdp2_prepare_model hands integers to `ignored_params`: a whole copy on every GPU."""
    sizes = [
        moment(estimate_of(tmp_path, QLORA + storage), "backward").components["weights"]
        for storage in ("", "bnb_4bit_quant_storage: uint8\n", "bnb_4bit_quant_storage: bfloat16\n")
    ]
    assert sizes[0] == sizes[1] > 16e9
    assert sizes[2] < 4e9
