"""How long a step takes, by a roofline: work over rates, what cannot be hidden added up.

No constant is fitted to a run. Below a few percent of difference such a model knows nothing; `ranking` orders
by simplicity there.
"""

from __future__ import annotations

from vramlint.catalog.rates import Rates
from vramlint.lazy_dataclasses import dataclass
from vramlint.planning.layout import Family, Layout, Recompute
from vramlint.planning.products import filled_up, waste
from vramlint.planning.stages import stages
from vramlint.planning.work import Work

MOVED_FOR_EACH_SAVED = 3
"""Times that a byte between matrix products crosses memory: written, read by the next operation, read or
written again in backward.
"""
BETWEEN_PRODUCTS = 34
"""Bytes × hidden width that a layer's activations take a token in 16 bits, attention scores apart
(Korthikanti et al. 2205.05198, equation 1).
"""
PASSES: dict[Recompute, float] = {"none": 3, "selective-op": 3.5, "full": 4}
"""Forward passes that a step is worth: backward is two, and what is recomputed comes on top. Selective by
operation keeps every second matrix product (torchtitan 0.2.2, distributed/activation_checkpoint.py).
Attention's backward pass recomputes its scores, half a pass more (Dao 2307.08691, section 3.2).
"""
SORTED = 24
"""Bytes × hidden width that a token takes for each expert it is sent to: its copy is sorted by expert and put
back, each read and written in 16 bits, forward and twice in backward.
"""
WEIGHT_BYTES = 12
"""Bytes that a micro batch moves a weight, however few tokens meet it: read forward and backward in 16 bits,
its float32 gradient read and written where it is added up.
"""
WHOLE = 10
"""Of these, what lies outside attention and MLP, which tensor parallelism does not share out unless sequence
parallelism goes with it (the same, equation 2).
"""
ACHIEVED = 0.8
"""Share of a link's line rate that a collective gets: 20 of 25 GB/s of an A100's link, 20.6 of an H100's
(NCCL 2.27, src/graph/topo.h, SM80_NVLINK_BW, SM90_NVLINK_BW; its maintainers call it the protocol's overhead,
nccl-tests issue 212).
"""
HOP, NETWORK_HOP = 3.4e-6, 9.6e-6
"""Seconds of a step of a ring between two GPUs of a node, and between two nodes (NCCL 2.12,
src/graph/tuning.cc, hwLat, ring with the simple protocol).
"""
KERNEL = 3.8e-6
"""Seconds that a kernel takes at least, launched while others run (NVIDIA, Getting Started with CUDA Graphs,
2019: 3.8 μs, of which 2.9 are work). Degrees that make kernels smaller make no fewer of them.
"""
BLOCKING = 38e-6
"""Seconds between a kernel's end and the next one's start where CUDA_LAUNCH_BLOCKING is 1: BLOOM's chronicle
compares 91.04 with 97.20 TFLOP/s a GPU without it, for 80 layers in tensor 8, pipeline 10, 512 micro batches
of one row. That is 14.6 s of a step, over 521 micro batches, 8 layers of a stage and 92 kernels (bigscience,
train/tr11-176B-ml/chronicles-prequel.md, "dealing with JZ hanging on the large model").
"""
OPTIMIZER_BYTES = 28
"""Bytes that AdamW moves a parameter: gradient, master and two moments read, the last three written, the
weight written, in float32 and 16 bits.
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all layouts of one plan share."""

    work: Work
    rates: Rates
    length: int
    """Tokens of a row."""
    eight_bit: bool = False
    """Matrix products in 8 bits."""
    gradient_bytes: int = 4
    """Bytes of a gradient on its way."""
    sequence: bool = True
    """Sequence parallelism goes with tensor parallelism."""
    folds: bool = True
    """Expert parallelism goes over neighbours, whatever tensor parallelism they have in attention (Megatron
    Core's MoE README, d98e8a6, "MoE Parallel Folding"); else over ranks of equal tensor rank.
    """
    wait: float = 0.0
    """Seconds between a kernel's end and the next one's start, where the host waits for each."""


@dataclass(frozen=True, slots=True)
class StepTime:
    """Seconds of a step by what takes them."""

    compute: float
    """Matrix products and what lies between them, recomputation included."""
    exchange: float
    """Tensor-, context- and expert-parallel exchange inside the layers."""
    bubble: float
    """Stages that wait for micro batches."""
    sharding: float
    """Gathering weights and reducing gradients, as far as it is not hidden."""
    optimizer: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.compute + self.exchange + self.bubble + self.sharding + self.optimizer


def step_time(layout: Layout, setting: Setting) -> StepTime:
    """The time of a step of the slowest stage under `layout`."""
    family, batches = layout.family, layout.accumulation
    compute = _compute(layout, setting)
    exchange = _exchange(layout, setting)
    each = compute + exchange
    # (p - 1) / v micro batches go by before the last stage has work (Narayanan et al. 2104.04473, 2.2).
    bubble = each * (family.pipeline - 1) / layout.virtual_stages
    boundary = _boundary(layout, setting) * batches
    sharding = _sharding(layout, setting, compute)
    optimizer = _optimizer(layout, setting)
    return StepTime(compute * batches, exchange * batches + boundary, bubble, sharding, optimizer)


def _tokens(layout: Layout, setting: Setting) -> float:
    return layout.micro_batch * setting.length / layout.family.context


def _compute(layout: Layout, setting: Setting) -> float:
    """A micro batch's forward and backward on the slowest stage: the fullest, or the last, which has the head
    too.
    """
    family, work, rates = layout.family, setting.work, setting.rates
    tensor, tokens = family.tensor, _tokens(layout, setting)
    passes = PASSES[layout.recompute]
    rate = rates.matmul8 if setting.eight_bit and rates.matmul8 else rates.matmul16
    flop = passes * 2 * tokens / rate
    dense, routed = work.dense / tensor, work.experts / work.expert_count * work.top / tensor
    wasted = waste(work.matrices, tensor, round(tokens), passes - 2, rates.processors)
    products = max(flop * dense * wasted, WEIGHT_BYTES * dense / rates.memory)
    held = work.experts / family.expert
    each = tokens * work.top * family.expert / (work.expert_count * tensor)
    products += max(flop * routed * filled_up(each), WEIGHT_BYTES * held / rates.memory)
    attention = (passes + 0.5) * tokens * work.scores(setting.length) / tensor / rates.matmul16
    cut = BETWEEN_PRODUCTS if setting.sequence else BETWEEN_PRODUCTS + WHOLE * (tensor - 1)
    moved = MOVED_FOR_EACH_SAVED * cut * work.hidden * work.layers * tokens
    if work.experts:
        moved += SORTED * work.top * work.hidden * work.layers * tokens
    between = moved * passes / 3 / tensor / rates.memory
    kernels = work.operations * passes * (KERNEL + setting.wait)
    layer = (products + attention + between + kernels) / work.layers
    fullest, last = stages(work.layers, family.pipeline)
    head = 3 * 2 * tokens * work.head / tensor / rates.matmul16
    return max(fullest * layer, last * layer + head)


def _exchange(layout: Layout, setting: Setting) -> float:
    """What a micro batch sends inside its layers."""
    family, work, rates = layout.family, setting.work, setting.rates
    tokens, (layers, _) = _tokens(layout, setting), stages(work.layers, family.pipeline)
    hidden = 2 * tokens * work.hidden
    again = 1.5 if layout.recompute == "full" else 1.0
    seconds = 0.0
    if family.tensor > 1:
        # Gather and scatter around attention and MLP, forward and backward (Korthikanti et al., 4.2.2).
        share = (family.tensor - 1) / family.tensor
        seconds += (
            layers
            * 8
            * again
            * (hidden * share / _link(rates, family.tensor) + _ring(rates, family.tensor, 1))
        )
    if family.context > 1:
        # Keys and values of the others pass by; their gradients too. It hides under attention.
        sent = 3 * again * 2 * 2 * tokens * work.key_value_width / family.tensor * (family.context - 1)
        link = _link(rates, family.tensor * family.context)
        attention = 3.5 * tokens * work.scores(setting.length) / work.layers / family.tensor / rates.matmul16
        seconds += layers * max(0.0, sent / link - attention)
    if family.expert > 1:
        seconds += layers * 4 * again * hidden / family.tensor * _dispatch(family, setting)
    return seconds


def _dispatch(family: Family, setting: Setting) -> float:
    """Seconds for each byte of a rank's tokens to reach their experts, or to come back: a copy for each
    expert over the links of a node. Between nodes one copy for each node goes over the network, and is handed
    on inside, which takes its own time beside (DeepEP's README, 9af0e0d, "Normal kernels with NVLink and RDMA
    forwarding").
    """
    work, rates = setting.work, setting.rates
    spread = family.expert * (1 if setting.folds else family.tensor)
    nodes = -(-spread // rates.domain)
    inside = -(-family.expert // nodes)
    handed = work.top * (inside - 1) / inside / rates.link
    sent = work.reached(nodes) * (nodes - 1) / nodes / rates.network
    return max(handed, sent)


def _boundary(layout: Layout, setting: Setting) -> float:
    """What a stage sends to the next and back for a micro batch, once a chunk; half of it is hidden."""
    family = layout.family
    if family.pipeline == 1:
        return 0.0
    sent = 2 * 2 * _tokens(layout, setting) * setting.work.hidden / family.tensor * layout.virtual_stages
    return sent / _link(setting.rates, family.tensor * family.context * family.data * family.pipeline) / 2


def _sharding(layout: Layout, setting: Setting, compute: float) -> float:
    """Collectives of data parallelism that computation does not hide."""
    family, work, rates = layout.family, setting.work, setting.rates
    ranks = family.data * family.context
    if ranks == 1:
        return 0.0
    dense = (work.parameters - work.experts) / (family.tensor * family.pipeline)
    experts = work.experts / (family.expert * family.pipeline)
    link = _link(rates, family.tensor * ranks)
    whole = (dense + experts) * (ranks - 1) / ranks
    ring = _ring(rates, ranks, family.tensor)
    if family.sharding in ("zero3", "fsdp2"):
        # Each layer is gathered for forward and for backward and reduced after it, for every micro batch; its
        # part of the gradient is then summed over the copies of the group.
        layers, sharded = stages(work.layers, family.pipeline)[0], family.sharded
        whole = (dense + experts) * (sharded - 1) / sharded
        each = (2 * 2 + setting.gradient_bytes) * whole / _link(rates, family.tensor * sharded)
        each += 3 * layers * _ring(rates, sharded, family.tensor)
        if family.replicas > 1:
            summed = 2 * setting.gradient_bytes * (dense + experts) / sharded
            summed *= (family.replicas - 1) / family.replicas
            each += summed / link + 2 * layers * _ring(rates, family.replicas, family.tensor * sharded)
        return layout.accumulation * max(0.0, each - compute)
    # Gradients go while the last micro batch runs backward, weights come while the first runs forward.
    reduced = max(0.0, setting.gradient_bytes * whole / link + ring - compute * 2 / 3)
    return reduced + max(0.0, 2 * whole / link + ring - compute / 3)


def _optimizer(layout: Layout, setting: Setting) -> float:
    family, work = layout.family, setting.work
    held = work.parameters / (family.tensor * family.pipeline)
    if family.sharding != "ddp":
        held /= family.sharded
    return OPTIMIZER_BYTES * held / setting.rates.memory


def _link(rates: Rates, gpus: int) -> float:
    """Bytes/s that a ring gets between GPUs of a group that spans so many neighbours."""
    return ACHIEVED * rates.link if gpus <= rates.domain else rates.network


def _ring(rates: Rates, ranks: int, apart: int) -> float:
    """Seconds for which a ring of `ranks` waits for messages to travel, whatever their size; neighbours of
    the ring are `apart` GPUs from each other.
    """
    nodes = -(-ranks * apart // rates.domain)
    between = nodes - 1 if nodes > 1 else 0
    return between * NETWORK_HOP + (ranks - 1 - between) * HOP
