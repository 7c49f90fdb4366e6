"""The fields that say who shares a run, what happens beside its training step, and where it runs."""

from __future__ import annotations

from vramlint.job_fields.row import JobField, Moves

PARALLEL: tuple[JobField, ...] = (
    JobField(
        "parallel",
        moves=Moves(),
        about="shared",
        blame={"overhead": 2},
        counts=lambda job: job.parallel.strategy != "none",
    ),
    JobField(
        "parallel.strategy",
        "Who shares what: ZeRO-1 states, ZeRO-2 gradients too, ZeRO-3 and FSDP weights too.",
        blame={"overhead": 1, "at load": 3, "at save": 2},
    ),
    JobField(
        "parallel.data",
        "GPUs that share the sharding; {shard: 8, replicate: 4} for a hybrid.",
        Moves(steps="double"),
    ),
    JobField("parallel.replicate", "Copies of the sharding group."),
    JobField("parallel.sharding", "FSDP: grad-op keeps the gathered weights from forward to backward."),
    JobField("parallel.wrap", "What FSDP gathers at once: a layer, or the whole model."),
    JobField(
        "parallel.tensor",
        "Splits each layer's weights and part of its activations.",
        Moves(steps="double"),
    ),
    JobField(
        "parallel.sequence",
        "Also splits what tensor parallelism leaves whole, along the sequence.",
        Moves("activations"),
    ),
    JobField(
        "parallel.context", "Splits every activation along the sequence.", Moves("activations", "double")
    ),
    JobField(
        "parallel.pipeline",
        "Splits the layers; early stages hold several micro-batches in flight.",
        Moves(steps="double"),
    ),
    JobField(
        "parallel.virtual_pipeline",
        "Chunks of layers on each stage; more of them keep more micro-batches.",
        Moves("activations", "double"),
    ),
    JobField(
        "parallel.schedule",
        "In which order a stage runs its micro-batches forward and backward.",
        Moves("activations"),
    ),
    JobField("parallel.expert", "Splits the experts of a mixture.", Moves(steps="double")),
    JobField(
        "parallel.expert_tensor",
        "Splits each expert's weights; parallel.tensor splits all else.",
        Moves(steps="double"),
    ),
    JobField("parallel.offload", "What is kept in host memory.", Moves()),
    JobField("parallel.param_dtype", "Dtype of the gathered weights under FSDP."),
    JobField("parallel.reduce_dtype", "Dtype in which gradients are reduced."),
    JobField(
        "parallel.sync_each_batch",
        "Reduces gradients after each micro-batch; false keeps them whole under FSDP while they accumulate.",
        Moves("gradients"),
    ),
    JobField(
        "parallel.backward_prefetch",
        "When FSDP 1 gathers the next layer in backward: before this one's gradients are computed (pre), "
        "after (post), or when it runs (none), which holds one layer less.",
        counts=lambda job: job.parallel.strategy == "fsdp1",
    ),
    JobField(
        "parallel.buckets",
        moves=Moves("overhead", "double"),
        counts=lambda job: job.parallel.strategy.startswith("zero"),
    ),
    JobField("parallel.buckets.reduce", "DeepSpeed's reduction buffer, in elements."),
    JobField(
        "parallel.buckets.allgather",
        "Elements that DeepSpeed's stages 1 and 2 gather at once, in place: costs no memory.",
    ),
    JobField("parallel.buckets.prefetch", "Weights that ZeRO-3 fetches ahead, in elements."),
    JobField(
        "parallel.buckets.live", "Gathered weights up to which ZeRO-3 goes on fetching ahead, in elements."
    ),
    JobField(
        "parallel.buckets.reuse",
        "ZeRO-3 keeps gathered what it needs again within this many elements of weights.",
    ),
    JobField(
        "parallel.buckets.persistence", "ZeRO-3 never shards parameters smaller than this, in elements."
    ),
    JobField("parallel.buckets.overlap_comm", "A second reduction buffer, so that communication overlaps."),
    JobField("parallel.buckets.sub_group", "Elements that ZeRO-3 steps at once."),
)

BESIDE: tuple[JobField, ...] = (
    JobField("reference_model", "The frozen copy that preference methods compare with.", Moves("weights")),
    JobField("generation", moves=Moves("generation")),
    JobField(
        "generation.engine",
        "What makes the completions: the trained model in the training process, or an engine with weights "
        "of its own.",
    ),
    JobField(
        "generation.colocated",
        "An inference engine shares the GPU and takes memory_fraction of all of it.",
        blame={"generation": 3},
        always=True,
    ),
    JobField(
        "generation.memory_fraction",
        "The engine's share of the device's total memory.",
        Moves("generation", worth=(0.2, 0.3, 0.5)),
        blame={"generation": 1, "at generation": 1},
    ),
    JobField("generation.tensor", "GPUs over which one engine splits its weights."),
    JobField(
        "generation.sleep",
        "What the engine gives back while the training has the GPU: nothing, its cache, its weights too, or "
        "its weights to host memory.",
        blame={"generation": 2},
    ),
    JobField(
        "generation.batch",
        "Sequences generated at once on each GPU; by default those of one micro batch.",
        blame={"at generation": 2},
    ),
    JobField(
        "generation.completion_length",
        "The most tokens of a completion; they follow the prompt in each row.",
        Moves("activations", "double"),
        blame={"at generation": 3},
    ),
    JobField(
        "generation.completions",
        "Completions sampled for each prompt.",
        Moves("activations", "double"),
    ),
    JobField("generation.away", "What of the policy's training state is kept on the host during generation."),
    JobField(
        "generation.handed_over_in",
        "Groups of layers in which sharded weights are made whole for the engine; left out, one weight after "
        "another, or with an adapter under ZeRO-3 all of them.",
        Moves("activations", "double"),
    ),
    JobField(
        "generation.scored_tokens",
        "Tokens on each GPU whose log-probabilities are taken at once without gradients; left out, no more "
        "than a micro batch of the training.",
        Moves("activations", "double"),
    ),
    JobField("roles", moves=Moves("weights", "none"), counts=lambda job: job.objective == "ppo"),
    JobField(
        "roles.critic",
        "The value model of PPO: weights, gradients and optimizer states beside the policy's.",
    ),
    JobField(
        "roles.critic_steps",
        "Whether critic and policy go through forward and backward together, or one after the other.",
    ),
    JobField(
        "roles.critic_tokens",
        "Tokens of the critic's micro batch; by default those of the policy's.",
        Moves("activations", "double"),
    ),
    JobField(
        "roles.critic_away", "What of the critic's training state is kept on the host while other models run."
    ),
    JobField("roles.reward_model", "The model that scores completions: its weights stay on the GPU."),
    JobField("roles.teacher", "The model that is distilled from: its weights and its logits."),
    JobField("roles.dtype", "Dtype of the named models that only run forward."),
    JobField(
        "roles.scores",
        "Whether critic and reward model, a trained one too, have one output in place of the language head.",
    ),
    JobField("roles.reference", "The reference model, where it is another one than the trained model."),
    JobField("evaluation", moves=Moves("activations"), blame={"at evaluation": 3}),
    JobField(
        "evaluation.batch",
        "Sequences of an evaluation batch on each GPU: logits grow in proportion.",
        Moves("activations", "double"),
        smallest=lambda job: job.evaluation is None or job.evaluation.batch == 1,
        blame={"at evaluation": 1},
        always=True,
    ),
    JobField(
        "evaluation.sequence_length",
        "Tokens of a sequence in evaluation; by default those of the training.",
        Moves("activations", "double"),
        blame={"at evaluation": 2},
    ),
    JobField(
        "evaluation.keep_logits",
        "The logits of all evaluation batches stay on the GPU until the last one is done.",
    ),
    JobField(
        "loading",
        "Where the released weights are read before they are sharded: host memory of every rank, of one rank "
        "a node, or the GPU of every rank.",
        Moves("weights"),
        blame={"at load": 1},
    ),
    JobField(
        "saving",
        "A checkpoint of a sharded run: its shards, gathered whole into host memory, or whole on every GPU.",
        Moves("weights"),
        blame={"at save": 1},
    ),
)

PLACE: tuple[JobField, ...] = (
    JobField(
        "versions",
        "Releases of frameworks and libraries whose behaviour decides memory.",
        counts=lambda job: False,
    ),
    JobField(
        "gpu",
        "The GPU: a name, with a count (A100-80GB x8), or {memory: 24GiB, count: 1}.",
        counts=lambda job: False,
    ),
    JobField("gpu_count", moves=Moves(steps="double"), about="shared"),
    JobField("nodes", "Number of machines.", Moves(steps="double"), about="shared", counts=lambda job: False),
    JobField("ram", "Host memory of one machine, as in 512GiB: offloaded states and loading must fit it."),
)
