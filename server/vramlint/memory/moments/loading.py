"""Loading: the GPU while the released weights come to it.

An engine that shards a model which every rank holds whole on its GPU needs room for the whole first. Read on
the host, it comes to the GPU unit by unit (torch 2.13, distributed/fsdp/_init_utils.py and
_fully_shard/_fsdp_init.py), or weight by weight where one rank reads and sends (accelerate 1.15,
utils/fsdp_utils.py, fsdp2_load_full_state_dict; transformers 5.24, integrations/deepspeed.py,
_load_state_dict_into_zero3_model).
"""

from __future__ import annotations

from collections.abc import Iterable

from vramlint.job import TrainingJob
from vramlint.memory.architectures.network import Network
from vramlint.memory.broken_releases import LOADS_AHEAD
from vramlint.memory.ledger import rounded
from vramlint.memory.moments.held import Held
from vramlint.memory.moments.whole import whole_bytes
from vramlint.memory.persistent import PersistentBytes
from vramlint.memory.pipeline import ENDS
from vramlint.memory.sharding import Plan
from vramlint.memory.tensors import Parameter
from vramlint.memory.versions import version_of
from vramlint.memory.weights import Weights
from vramlint.versions import at_least, older


def loading_moment(
    job: TrainingJob, persistent: PersistentBytes, weights: Weights, network: Network | None, plan: Plan
) -> Held:
    """The GPU at the fullest moment of loading. `weights` are those of the rank before data parallelism."""
    stay = persistent.weights + persistent.models
    if not plan.shares_weights:
        return Held("load", stay, activations=max(_quantizing(job, weights), _preparing(job, weights)))
    if _whole_on_gpu(job, plan):
        whole = sum(count * _loaded(job, parameter) for parameter, count in weights.all())
        # accelerate's fsdp2_prepare_model holds the state dict of the whole model until all is sharded.
        kept = stay if job.in_trainer and job.parallel.strategy == "fsdp2" else persistent.models
        return Held("load", whole + kept, activations=0 if kept == stay else _largest(job, weights))
    if network is None or plan.deepspeed or job.loading == "rank-0":
        return Held("load", stay, activations=_largest(job, weights))
    return Held("load", stay, activations=_unit(job, network))


def _whole_on_gpu(job: TrainingJob, plan: Plan) -> bool:
    """Whether every rank holds the whole model on its GPU before the engine shards it."""
    if job.loading != "auto":
        return job.loading == "device"
    if job.quantization is None or not job.in_trainer:
        return False
    # bitsandbytes quantizes on the GPU (transformers, quantizers/quantizer_bnb_4bit.py). With accelerate's
    # efficient loading, which is its default, FSDP's weights went back to the host before release 5.0
    # (4.48.1, modeling_utils.py, _load_state_dict_into_meta_model).
    return plan.deepspeed or at_least(version_of("transformers", job), "5")


def _loaded(job: TrainingJob, parameter: Parameter) -> int:
    """Bytes of a whole weight as it is loaded; FSDP1 raises its shards to float32, not what it shards."""
    return whole_bytes(job, parameter, parameter.dtype if job.parallel.strategy == "fsdp1" else "")


def _sum(job: TrainingJob, parameters: Iterable[Parameter]) -> int:
    return sum(_loaded(job, parameter) for parameter in parameters)


def _largest(job: TrainingJob, weights: Weights) -> int:
    """Bytes of the largest weight."""
    return max((_loaded(job, parameter) for parameter, _ in weights.all()), default=0)


def _unit(job: TrainingJob, network: Network) -> int:
    """Bytes of the largest unit, and under FSDP1 of the flat parameter that it is copied to."""
    units = [network.root, *(stage.parameters for stage in network.stages)]
    copies = 2 if job.parallel.strategy == "fsdp1" else 1
    return copies * max(_sum(job, unit) for unit in units)


def _preparing(job: TrainingJob, weights: Weights) -> int:
    """What preparing a quantized model for training adds to what stays. PEFT turns one weight after the other
    to float32, over its 16-bit copy (0.21.2, utils/other.py, prepare_model_for_kbit_training). Axolotl turned
    embedding and head back afterwards, and leaves them as they are since 0.20 (0.19 and 0.20,
    loaders/model.py, _configure_embedding_dtypes).
    """
    quantization = job.quantization
    if quantization is None or not quantization.scheme.startswith("bnb-"):
        return 0
    plain = [each for each, _ in weights.all() if each.scheme is None and not each.of_adapter]
    if older(version_of("axolotl", job), "0.20"):
        ends = [parameter for group in weights.groups if group.name in ENDS for parameter in group.parameters]
        both = sum(2 * each.numel for each in ends if each.scheme is None)
        return both + max((2 * each.numel for each in plain), default=0)
    if quantization.kbit_prep == "none":
        return 0
    return max((2 * each.numel for each in plain if each.stored == "float32"), default=0)


def _quantizing(job: TrainingJob, weights: Weights) -> int:
    """The 16-bit weights that are on the GPU to be quantized, beyond what is left of them: the largest, or of
    releases that read ahead at most all.
    """
    if job.quantization is None or not job.quantization.scheme.startswith("bnb-"):
        return 0
    read = [(count, parameter) for parameter, count in weights.all() if parameter.scheme is not None]
    if LOADS_AHEAD.meets(job):
        return sum(count * (rounded(2 * each.numel) - whole_bytes(job, each)) for count, each in read)
    return max((rounded(2 * each.numel) for _, each in read), default=0)
