"""Architectures, by config.json's `model_type`."""

from __future__ import annotations

from collections.abc import Mapping

from vramlint.job import TrainingJob
from vramlint.memory.architectures.decoder_spec import Decoder
from vramlint.memory.architectures.families import FAMILIES, family_of
from vramlint.memory.architectures.network import Network
from vramlint.memory.weights import Weights

__all__ = ["FAMILIES", "family_of", "network_of"]


def network_of(job: TrainingJob, weights: Weights) -> Network:
    """The model of `job` on a tape. A family that is not modelled gets a stand-in; raises CannotEstimate
    where not even its sizes are known. Builders are imported as they are needed: a run has one
    architecture.
    """
    network = _built(job, weights)
    if not network.counted and job.model.parameters is None:
        from vramlint.memory.architectures.joined_parts import refuse_uncounted

        refuse_uncounted(job.model)
    if job.model.scale != 1 and job.model.parameters is not None:
        weights.resize(job.model.scale, job.model.parameters)
    return network


def _built(job: TrainingJob, weights: Weights) -> Network:
    family = family_of(job.model.model_type)
    if family is None and isinstance(job.model.config.get("vision_config"), Mapping):
        from vramlint.memory.architectures.vision_language import vision_language

        return vision_language(job, weights, _built)
    if family is None:
        from vramlint.memory.architectures.fallback import stand_in

        if job.model.parameters is None and isinstance(job.model.config.get("text_config"), Mapping):
            from vramlint.memory.architectures.vision_language import decoder_alone

            alone = decoder_alone(job)
            if alone is not None:
                return _built(alone, weights)
        return stand_in(job, weights)
    declared = family(job.model.config)
    if isinstance(declared, Decoder):
        from vramlint.memory.architectures.decoder import build

        return build(declared, weights, job)
    from vramlint.memory.architectures.encoder import Encoder, build_encoder

    if isinstance(declared, Encoder):
        return build_encoder(declared, weights, job)
    from vramlint.memory.architectures.encoder_decoder import build_encoder_decoder

    return build_encoder_decoder(declared, weights, job)
