"""What vulture cannot see is in use, each with the reason; `vulture` reads names only, nothing here is run."""
# ruff: noqa

# The protocol's library calls it, or sends what is set.
report_server_error
sort_text
text_edit
call_tool
# enum.Enum reads these of its members.
_name_
_value_

# For those who import the library (docs/api.md).
headroom_bytes
as_dict

# For those who write rule packs: a rule's page is its test (CONTRIBUTING.md, "Adding a rule").
examples

# The playground's worker calls them by name.
Playground
warm

# Python's unpickler calls them.
find_class
persistent_load
pid

# The build backend finds the hook by its base class.
Metadata

# Fields of a job that no formula needs: they are read so that a DeepSpeed file and its job say the same, which
# benchmarks/parsers.py compares with DeepSpeed's own reading.
allgather
sub_group

# Fields of a job that its file can state and no formula reads so far: a line goes when one does.
virtual_pipeline
schedule
expert_tensor
sync_each_batch
reward_model

# Fields of a run that are read and that no dialect asks for so far.
environment

still_gathered  # keeps gathered weights alive to the end of the walk
# What FAMILIES and the rule pack name as text. Written by scripts/generate.
AdapterDropout
AllocatorSettingRefused
AssumedToFit
BatchArithmetic
BestModelSchedule
Bf16BeforeAmpere
BrokenReleaseRule
CacheInTraining
CheckpointPile
CheckpointingTwice
ContextNotDividing
ContextParallelRefused
CopyPerTask
DoesNotFit
DuplicateKey
EagerAttention
EngineShare
EvaluationPeak
ExpertsNotDivisible
FlashAttention3Hardware
FlashAttention4Hardware
FlashAttentionBeforeAmpere
Float32Embeddings
Float32FrozenBase
Float32Training
Fp8Hardware
FullLogits
GenerationBatch
GenerationPeak
HeadsNotDivisible
HostMemoryShort
Int8Hardware
InvalidSetting
LengthBeyondPositions
LigerOff
LoadingHostMemory
LoadingPeak
LongRows
MissingCompanion
ModelsBeside
MoreRanksThanGpus
MoreStagesThanLayers
NoEffect
NoVerdict
NothingAdapted
OffloadNotNeeded
OffloadWithoutCheckpointing
OlderRelease
OptimizerPeak
OptimizerRefused
OversizedBucket
OversizedGpu
PackingNotIsolated
PaddingOnly
PagingUnused
QuantizedSharding
QuantizedStorage
QuantizedWithoutAdapter
RefusedCombination
ResidentReference
ResumeStates
SavingPeak
ScheduleRefused
ShardingOnOneGpu
SpareMemory
Syntax
TensorParallelAcrossNodes
TensorParallelOverPcie
Tf32BeforeAmpere
TightFit
TwoEngines
TwoPrecisions
UnbalancedPipeline
UnknownGpu
UnknownKey
UnknownModel
UnquantizedBase
UnshardedBase
UnusedSuppression
WholeGradients
WholeModules
WideStates
WrongType
arcee
baichuan
bamba
bart
bert
bloom
chatglm
codegen
cohere
cohere2
deberta_v2
deepseek_v2
deepseek_v3
deepseek_v32
distilbert
dots1
ernie4_5
ernie4_5_moe
exaone
exaone4
falcon
falcon_h1
gemma
gemma2
gemma3_text
gemma4_text
glm
glm4
glm4_moe
glm_moe_dsa
gpt2
gpt_bigcode
gpt_neo
gpt_neox
gpt_neox_megatron
gpt_oss
gptj
granite
granitemoe
granitemoehybrid
hunyuan_v1_dense
hunyuan_v1_moe
internlm2
lfm2
lfm2_moe
llama
llama4_text
mimo
minicpm
minimax_m2
ministral3
mistral
mistral4
mixtral
modernbert
mpt
mpt_foundry
nemotron
nemotron_h
olmo
olmo2
olmo3
olmoe
opt
phi
phi3
phimoe
qwen
qwen2
qwen2_moe
qwen3
qwen3_5_moe_text
qwen3_5_text
qwen3_moe
qwen3_next
roberta
seed_oss
smollm3
stablelm
starcoder2
t5
