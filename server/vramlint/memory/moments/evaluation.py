"""Evaluation while training: a forward pass without gradients, at a batch and a length of its own.

transformers' Trainer takes 8 sequences a GPU where nobody says otherwise, computes the same loss as in
training, logits and their float32 copies included, and throws the logits away where there are no metrics of
one's own (5.24, trainer.py: evaluate passes prediction_loss_only=True, and prediction_step runs compute_loss
under torch.no_grad).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory.architectures import network_of
from vramlint.memory.architectures.network import Network
from vramlint.memory.ledger import rounded
from vramlint.memory.loss_head import loss_of
from vramlint.memory.moments.held import Held
from vramlint.memory.ops.basic import cast
from vramlint.memory.persistent import PersistentBytes
from vramlint.memory.sharding import Plan, plan_of
from vramlint.memory.shared_walk import KEPT, Seen, per_rank_job
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor
from vramlint.memory.weights import Weights


@dataclass(frozen=True, slots=True)
class Pass:
    """The forward pass of an evaluation batch: the most bytes at once, and those of the logits that it
    leaves.
    """

    peak: int
    logits: int


def evaluated(job: TrainingJob) -> TrainingJob | None:
    """The job with the batch and the length of its evaluation; None where nothing is evaluated. Checkpoints
    are for training alone (transformers 5.24, modeling_layers.py: `self.gradient_checkpointing and
    self.training`).
    """
    if job.evaluation is None:
        return None
    length = job.evaluation.sequence_length or job.sequence_length
    return replace(
        job,
        micro_batch_size=job.evaluation.batch,
        sequence_length=length,
        gradient_checkpointing="none",
    )


def evaluation_moment(job: TrainingJob, persistent: PersistentBytes, plan: Plan) -> Held:
    """The GPU in evaluation, of a job with its batch and length.

    Weights and states stay; gradients were let go after the last step, but for DeepSpeed's partitions.
    """
    done = _passed(Seen(job))
    job = per_rank_job(job)
    # A second batch is added to what is kept of the first, and the Trainer gathers before it adds.
    kept = 2 * done.logits if job.evaluation is not None and job.evaluation.keep_logits else 0
    batch = 3 * rounded(8 * job.micro_batch_size * job.sequence_length)
    return Held(
        "evaluation",
        weights=persistent.weights + persistent.models,
        gradients=persistent.gradients if plan.has_gradient_buffer else 0,
        states=persistent.states,
        activations=persistent.buffers + done.peak + kept + batch,
    )


@lru_cache(KEPT)
def _passed(seen: Seen) -> Pass:
    """The forward pass of an evaluation, as one rank walks it."""
    job = per_rank_job(seen.job)
    return forward_pass(job, network_of(job, Weights(job)), plan_of(seen.job))


def scoring_moment(job: TrainingJob, tokens: int, persistent: PersistentBytes, plan: Plan) -> Held:
    """The GPU while log-probabilities of finished completions are taken, `tokens` at once and without
    gradients, as verl does before it trains on them (0.9.1, trainer/ppo/ray_trainer.py,
    _compute_old_log_prob).
    """
    scored = replace(job, micro_batch_size=1, sequence_length=tokens)
    return Held(
        "forward",
        weights=persistent.weights + persistent.models,
        states=persistent.states,
        activations=persistent.buffers + forward_pass(scored, network_of(scored, Weights(scored)), plan).peak,
    )


def not_counted(job: TrainingJob) -> Iterator[str]:
    """What an evaluation holds that no file can tell."""
    if job.evaluation is not None and job.evaluation.keep_logits:
        yield (
            "evaluation keeps the logits of every batch until it ends, and no file says how many batches "
            "there are: two are counted"
        )


def forward_pass(job: TrainingJob, network: Network, plan: Plan) -> Pass:
    """Run a forward pass without gradients, each kind of layer once."""
    t = Tape(None if job.precision.autocast == "none" else job.precision.autocast)
    t.compiled = job.compile
    ledger = t.ledger
    with t.no_grad():
        outer = plan.outer_units(*network.outside)
        first = plan.forward(t, outer[0])
        x, inputs = network.begin(t)
        highest = ledger.peak
        first.buffers.clear()
        if not outer[0].stays:
            first.weights.clear()
        walked: dict[int, tuple[int, int]] = {}
        repeated = 0
        """Bytes of layers that are not walked again: the casts of weights that autocast keeps."""
        for kind in network.order:
            if kind not in walked:
                ledger.segment += 1
                ledger.restart_peak()
                before = ledger.current
                unit = plan.forward(t, plan.layer_unit(network.stages[kind].parameters))
                x = network.stages[kind].run(t, x, inputs)
                del unit
                walked[kind] = ledger.peak - before, ledger.current - before
                highest = max(highest, ledger.peak + repeated)
                continue
            rise, net = walked[kind]
            highest = max(highest, ledger.current + repeated + rise)
            repeated += net
        ledger.segment += 1
        ledger.restart_peak()
        last = plan.forward(t, outer[1])
        x = network.final_norm(t, x)
        loss, logits = loss_of(t, job, network, x)
        del x
        highest = max(highest, ledger.peak + repeated)
        t.cast_cache.clear()
        ledger.restart_peak()
        logits = _converted(t, job, logits)
        highest = max(highest, ledger.peak)
        size = logits.storage.record.bytes if logits is not None and logits.storage is not None else 0
        del loss, logits, first, last, inputs
    return Pass(highest, size)


def _converted(t: Tape, job: TrainingJob, logits: Tensor | None) -> Tensor | None:
    """accelerate turns the outputs of a model under autocast into float32 (accelerator.py, prepare_model)."""
    if logits is None or not t.autocast or not job.in_trainer:
        return logits
    return cast(t, logits, "float32", "logits, converted to float32 by the trainer")
