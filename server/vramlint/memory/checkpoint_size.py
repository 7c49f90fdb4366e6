"""What a saved run takes on disk."""

from __future__ import annotations

from vramlint.job import TrainingJob
from vramlint.memory.ledger import DTYPE_BYTES
from vramlint.memory.persistent import PersistentBytes
from vramlint.memory.sharding.plan import Plan
from vramlint.memory.weights import Weights


def checkpoint_bytes(
    job: TrainingJob, weights: Weights, persistent: PersistentBytes, plan: Plan
) -> dict[str, int]:
    """Bytes on disk: the saved model (16 bit a weight; of an adapter only its own weights, as they are), and
    with the states to resume from.

    States are those of all ranks that share them, wherever they are kept.
    """
    if weights.adapter is None:
        saved = sum(count * parameter.numel * 2 for parameter, count in weights.all())
    else:
        saved = sum(
            int(count * parameter.numel * DTYPE_BYTES[parameter.stored])
            for parameter, count in weights.all()
            if parameter.trainable
        )
    shared_by = plan.ranks if plan.shares_states else 1
    parts = job.parallel.tensor * job.parallel.pipeline
    states = persistent.states + persistent.paged + persistent.away
    return {
        "weights": saved,
        "resume_state": saved + states * shared_by * parts,
    }
