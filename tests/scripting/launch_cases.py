"""Launch lines as people write them, by what each shows: the document, its workspace, what its runs say."""

from __future__ import annotations

from typing import Any

from launch_files import AXOLOTL, LAUNCHER, MPT, NEOX, OMEGA, OUMI, PRIME, SCRIPT, TRL, WORKFLOW, WORLD

CASES: dict[str, tuple[str, dict[str, str], list[dict[str, Any]]]] = {
    "a script sees the launcher's number of processes and the line's variables": (
        "a.sh",
        {
            "a.sh": "SIZE=4 torchrun --nproc_per_node 2 fit.py --model gpt2\npython fit.py --model gpt2\n",
            "fit.py": WORLD,
        },
        [{"model": "gpt2", "micro_batch": 4, "grad_accum": 8}, {"micro_batch": 1, "grad_accum": 64}],
    ),
    "Hydra's folder and name are a file, or a parent where they are verl's own": (
        "a.sh",
        {
            "a.sh": "HERE=$(pwd)\npython -m verl.trainer.main_ppo --config-path=$HERE/conf "
            "--config-name=mine "
            "actor_rollout_ref.model.path=$HOME/models/Qwen2.5-7B-Instruct\n"
            "python -m verl.trainer.main_ppo --config-path=config --config-name=ppo_megatron_trainer.yaml "
            "actor_rollout_ref.model.path=Qwen/Qwen2.5-7B trainer.n_gpus_per_node=4\n"
            "python -m verl.trainer.main_ppo actor_rollout_ref.model.path=gpt2\n",
            "conf/mine.yaml": "defaults: [ppo_trainer, _self_]\ndata: {max_response_length: 77}\n"
            "actor_rollout_ref: {actor: {ppo_micro_batch_size_per_gpu: 3}}\n",
        },
        [
            {"model": "~/models/Qwen2.5-7B-Instruct", "seq_len": 77, "micro_batch": 3, "engine": "fsdp1"},
            {"model": "Qwen/Qwen2.5-7B", "grad_ckpt": False, "ranks": 4},
            {"model": "gpt2", "engine": "fsdp1", "ranks": 8},
        ],
    ),
    "OmegaConf merges a file and the command line": (
        "a.sh",
        {"a.sh": "python fit.py train.size=8\n", "fit.py": OMEGA, "c.yaml": "model: gpt2\ntrain: {size: 2}"},
        [{"model": "gpt2", "micro_batch": 8}],
    ),
    "the example scripts of trl's repository take what its commands take": (
        "a.sh",
        {
            "a.sh": "accelerate launch --num_processes 2 trl/examples/scripts/dpo.py "
            "--model_name_or_path gpt2 --dataset_name a/b --max_length 512 --per_device_train_batch_size 4\n"
            "python examples/scripts/reward_modeling.py --model_name_or_path gpt2 --dataset_name a/b\n",
        },
        [
            {"framework": "trl", "method": "dpo", "seq_len": 512, "micro_batch": 4, "ranks": 2},
            {"framework": "trl", "method": "rm", "micro_batch": 8, "ranks": 1},
        ],
    ),
    "deepspeed starts a process for each GPU that it includes": (
        "a.sh",
        {
            "a.sh": "deepspeed --include localhost:0,2,3 run_clm.py --model_name_or_path gpt2 --bf16\n"
            "deepspeed --include=localhost:5 run_clm.py --model_name_or_path gpt2 --bf16\n",
        },
        [{"model": "gpt2", "ranks": 3}, {"model": "gpt2", "ranks": 1}],
    ),
    "a script of such a name that is there is read itself": (
        "a.sh",
        {
            "a.sh": "python examples/scripts/sft.py train.size=8\n",
            "examples/scripts/sft.py": OMEGA,
            "c.yaml": "model: gpt2",
        },
        [{"model": "gpt2", "micro_batch": 8}],
    ),
    "composer starts LLM Foundry's script": (
        "a.sh",
        {
            "a.sh": "composer -n 4 train/train.py mpt.yaml max_seq_len=1024\ncomposer other/train.py x.txt",
            "mpt.yaml": MPT,
        },
        [{"framework": "llm-foundry", "seq_len": 1024, "micro_batch": 2, "ranks": 4}],
    ),
    "deepy joins the files of a folder": (
        "a.sh",
        {
            "a.sh": "python ./deepy.py train.py -d configs size setup.yml\n",
            "configs/size.yml": NEOX,
            "configs/setup.yml": '{"data-impl": "mmap", "gradient_accumulation_steps": 8}',
        },
        [{"framework": "gpt-neox", "micro_batch": 4, "grad_accum": 8, "ranks": None}],
    ),
    "prime-rl's files follow an @": (
        "a.sh",
        {"a.sh": "uv run sft @ a.toml --data.seq-len 512\nuv run sft file.txt\n", "a.toml": PRIME},
        [{"framework": "prime-rl", "model": "Qwen/Qwen3-0.6B", "seq_len": 512}],
    ),
    "ms-swift's Megatron": (
        "a.sh",
        {"a.sh": "NPROC_PER_NODE=4 megatron sft --model Qwen/Qwen3-8B --micro_batch_size 2\nmegatron export"},
        [{"framework": "ms-swift", "model": "Qwen/Qwen3-8B", "micro_batch": 2, "ranks": 4}],
    ),
    "oumi hands its run to a launcher": (
        "a.sh",
        {
            "a.sh": "oumi distributed torchrun --nproc-per-node 2 -m oumi train -c a.yaml\noumi infer -c b",
            "a.yaml": OUMI,
        },
        [{"framework": "oumi", "model": "meta-llama/Llama-3.2-1B", "micro_batch": 2, "ranks": 2}],
    ),
    "OpenRLHF's arguments count its actors": (
        "a.sh",
        {
            "a.sh": "read -r -d '' args <<EOF\nopenrlhf.cli.train_ppo_ray \\\n --pretrain Qwen/Qwen2.5-7B "
            "\\\n --actor_num_nodes 2 --actor_num_gpus_per_node 4 --micro_train_batch_size 2\nEOF\n"
            "python -m $args\n"
        },
        [{"framework": "openrlhf", "model": "Qwen/Qwen2.5-7B", "micro_batch": 2, "ranks": 8, "nodes": 2}],
    ),
    "LitGPT fine-tunes on one GPU unless it is told otherwise": (
        "a.sh",
        {"a.sh": "litgpt finetune_lora meta-llama/Llama-3.2-1B\nlitgpt finetune_full gpt2 --devices 2\n"},
        [{"ranks": 1}, {"ranks": 2}],
    ),
    "Unsloth's command and its older script": (
        "a.sh",
        {
            "a.sh": "unsloth train --model unsloth/Llama-3.2-1B --batch-size 4 --no-load-in-4bit\n"
            "python unsloth-cli.py --model_name unsloth/Llama-3.2-1B --r 8 --per_device_train_batch_size 4\n"
            "python ./unsloth-cli.py --load_in_4bit --max_seq_length 1024\n"
        },
        [
            {"framework": "unsloth", "micro_batch": 4, "lora_r": 64, "quant": "none", "ranks": 1},
            {"model": "unsloth/Llama-3.2-1B", "micro_batch": 4, "lora_r": 8, "quant": "none"},
            {"model": "unsloth/llama-3-8b", "seq_len": 1024, "lora_r": 16, "quant": "bnb-nf4"},
        ],
    ),
    "a script that is started with variables": (
        "a.sh",
        {
            "a.sh": "MODEL=gpt2 NGPU=2 ./run.sh --max_length 64\n",
            "run.sh": "torchrun --nproc_per_node=${NGPU:-8} -m trl.scripts.sft "
            '--model_name_or_path ${MODEL:-opt} "$@"\n',
        },
        [{"model": "gpt2", "seq_len": 64, "ranks": 2}],
    ),
    "a workflow's expression is its variable": (
        "w.yml",
        {
            "w.yml": "on: push\nenv:\n  MODEL: gpt2\njobs:\n  a:\n    steps:\n      - run: |\n"
            "          trl sft --model_name_or_path ${{ env.MODEL }} \\\n            --max_length 64\n"
            "      - run: trl dpo --model_name_or_path ${{ matrix.model }} --max_length 32\n"
        },
        [{"model": "gpt2", "seq_len": 64}, {"model": None, "seq_len": 32}],
    ),
    "a folded value is one line": (
        "job.yaml",
        {
            "job.yaml": "command: >-\n  torchrun --nproc_per_node 4 -m trl.scripts.sft\n"
            "  --model_name_or_path gpt2\n  --max_length 64\nenvironment: x\n"
        },
        [{"model": "gpt2", "seq_len": 64, "ranks": 4}],
    ),
    "words of a container": (
        "job.yaml",
        {
            "job.yaml": "kind: PyTorchJob\nspec:\n  containers:\n    - image: x\n"
            "      command: [torchrun, --nproc_per_node=8, -m, trl.scripts.sft]\n      args:\n"
            "        - --model_name_or_path=gpt2\n        - \"--max_length\"\n        - '64'\n"
        },
        [{"framework": "trl", "model": "gpt2", "seq_len": 64, "ranks": 8}],
    ),
    "a container's script": (
        "job.yaml",
        {
            "job.yaml": "spec:\n  containers:\n  - command: ['/bin/bash', '-lc']\n    env:\n"
            "    - {name: MODEL, value: gpt2}\n    args:\n    - |\n      pip install trl\n"
            "      trl sft --model_name_or_path $MODEL \\\n        --max_length 64\n    ports: []\n"
        },
        [{"model": "gpt2", "seq_len": 64}],
    ),
    "steps of a pipeline": (
        ".gitlab-ci.yml",
        {
            ".gitlab-ci.yml": "variables:\n  MODEL: gpt2\ntrain:\n  before_script: [pip install trl]\n"
            "  script:\n    - echo start\n    - trl sft --model_name_or_path $MODEL --max_length 64\n"
        },
        [{"model": "gpt2", "seq_len": 64}],
    ),
    "a switch that is turned off": (
        "a.sh",
        {
            "a.sh": "axolotl train c.yml --no-sample-packing\n"
            "trl sft --model_name_or_path gpt2 --no_gradient_checkpointing --max_length 64\n"
            "python run_clm.py --model_name_or_path gpt2 --no_cuda --max_seq_length 64\n",
            "c.yml": AXOLOTL + "sample_packing: true\n",
        },
        [{"packing": False}, {"grad_ckpt": False}, {"model": "gpt2"}],
    ),
    "LLaMA-Factory's command as a module starts a process for each GPU": (
        "a.sh",
        {
            "a.sh": "export CUDA_VISIBLE_DEVICES=0,1\npython -m llamafactory.cli train --stage sft "
            "--finetuning_type full --model_name_or_path gpt2 --cutoff_len 64\n"
        },
        [{"framework": "llamafactory", "ranks": 2, "seq_len": 64}],
    ),
    "a command of trl says its method": ("a.sh", {"a.sh": TRL.replace("sft", "dpo")}, [{"method": "dpo"}]),
    "the name of an environment is no program": (
        "a.sh",
        {"a.sh": f"conda run -n axolotl {TRL}\ndocker run --name swift img {TRL}\nuv run --with trl {TRL}\n"},
        [{"framework": "trl", "model": "gpt2"}] * 3,
    ),
    "a script under uv": (
        "a.sh",
        {"a.sh": "uv run --with trl fit.py --model_name_or_path gpt2\n", "fit.py": SCRIPT},
        [{"framework": "hf-trainer", "model": "gpt2", "seq_len": 512}],
    ),
    "the GPUs of a container": (
        "a.sh",
        {
            "a.sh": "docker run --gpus '\"device=0,3\"' img axolotl train a.yml\n"
            "docker run --gpus 4 -e A=1 img axolotl train a.yml\n",
            "a.yml": AXOLOTL,
        },
        [{"ranks": 2}, {"ranks": 4}],
    ),
    "a count that is open is not that of the launcher's file": (
        "a.sh",
        {
            "a.sh": "accelerate launch --config_file a.yaml --num_processes $N "
            f"-m trl.scripts.sft {TRL[8:]}\n",
            "a.yaml": LAUNCHER,
        },
        [{"ranks": None, "engine": "fsdp2"}],
    ),
    "SkyPilot's own variables": (
        "a.yaml",
        {
            "a.yaml": "resources: {accelerators: H100:8}\nnum_nodes: 2\nrun: |\n  accelerate launch "
            "--num_processes $((SKYPILOT_NUM_NODES * SKYPILOT_NUM_GPUS_PER_NODE)) --multi_gpu "
            f"--num_machines $SKYPILOT_NUM_NODES -m trl.scripts.sft {TRL[8:]}\n"
        },
        [{"ranks": 16, "nodes": 2, "engine": "ddp"}],
    ),
    "trl hands numbers of processes and machines on to accelerate": (
        "a.sh",
        {"a.sh": f"{TRL} --num_processes 16 --num_machines 2\n"},
        [{"ranks": 16, "nodes": 2, "engine": "ddp"}],
    ),
    "a Makefile's line goes on with a flag": (
        "Makefile",
        {
            "Makefile": "SIZE := 4\ntrain: data\n\t@CUDA_VISIBLE_DEVICES=0 "
            + TRL
            + " \\\n\t  --per_device_train_batch_size $(SIZE)\n"
        },
        [{"micro_batch": 4, "ranks": 1}],
    ),
    "a justfile's parameters and functions": (
        "justfile",
        {
            "justfile": 'model := env_var_or_default("MODEL", "gpt2")\nsize := num_cpus()\n'
            'train length="64":\n    '
            + TRL.replace("gpt2", "{{model}}").replace("256", "{{ length }}")
            + "\n    "
            + TRL
            + " --per_device_train_batch_size {{size}}\n"
        },
        [{"model": "gpt2", "seq_len": 64}, {"micro_batch": None}],
    ),
    "a workflow's variables belong to their job": (
        ".github/workflows/t.yml",
        {".github/workflows/t.yml": WORKFLOW},
        [
            {"model": "Qwen/Qwen2.5-0.5B", "seq_len": 128},
            {"model": "gpt2", "seq_len": 256},
            {"model": None},
            {"model": "gpt2", "micro_batch": None},
        ],
    ),
    "fences of Markdown": (
        "README.md",
        {
            "README.md": "# a\n```python\nimport trl\n```\n\n"
            f"```\n$ {TRL}\n{TRL.replace('gpt2', 'out')}\n```\n"
            f"```text\n{TRL}\n```\n```\ntrl\n├── sft\n```\n"
        },
        [{"model": "gpt2"}],
    ),
    "Ray's settings and workers": (
        "a.py",
        {
            "a.py": "from ray.train import ScalingConfig\nfrom ray.train.torch import TorchTrainer\n"
            "from trl import SFTConfig, SFTTrainer\n"
            "def fit(config):\n"
            "    args = SFTConfig(per_device_train_batch_size=config['size'], max_length=512)\n"
            "    SFTTrainer(config['model'], args=args).train()\n"
            "TorchTrainer(fit, train_loop_config={'model': 'gpt2', 'size': 3}, "
            "scaling_config=ScalingConfig(num_workers=4, use_gpu=True)).fit()\n"
        },
        [{"model": "gpt2", "micro_batch": 3, "ranks": 4}],
    ),
    "SageMaker's estimator": (
        "a.py",
        {
            "a.py": "from sagemaker.huggingface import HuggingFace\n"
            "settings = {'model_name_or_path': 'gpt2', 'per_device_train_batch_size': 2}\n"
            "HuggingFace(entry_point='fit.py', source_dir='src', instance_type='ml.g5.12xlarge', "
            "instance_count=2, hyperparameters=settings, "
            "distribution={'torch_distributed': {'enabled': True}})\n",
            "src/fit.py": SCRIPT,
        },
        [{"framework": "hf-trainer", "model": "gpt2", "micro_batch": 2, "ranks": 8, "nodes": 2}],
    ),
    "a program that starts another": (
        "a.py",
        {
            "a.py": "import subprocess\n"
            "command = ['torchrun', '--nproc_per_node', '2', 'fit.py', '--model_name_or_path', 'gpt2']\n"
            "subprocess.run(command)\n",
            "fit.py": SCRIPT,
        },
        [{"framework": "hf-trainer", "model": "gpt2", "ranks": 2, "engine": "ddp"}],
    ),
    "names start from the folder that a script goes to": (
        "a.sh",
        {
            "a.sh": "cd one\naxolotl train c.yml\n(cd ../two && axolotl train c.yml)\naxolotl train c.yml\n"
            "cd $ELSEWHERE\naxolotl train one/c.yml\n",
            "one/c.yml": AXOLOTL,
            "two/c.yml": AXOLOTL.replace("micro_batch_size: 2", "micro_batch_size: 3"),
        },
        [{"micro_batch": 2}, {"micro_batch": 3}, {"micro_batch": 2}, {"micro_batch": 2}],
    ),
    "each line of a recipe starts from the Makefile": (
        "Makefile",
        {
            "Makefile": "a:\n\tcd one && axolotl train c.yml\n\tcd two && \\\n\t  axolotl train c.yml\n",
            "one/c.yml": AXOLOTL,
            "two/c.yml": AXOLOTL.replace("micro_batch_size: 2", "micro_batch_size: 3"),
        },
        [{"micro_batch": 2}, {"micro_batch": 3}],
    ),
    "a text that is run elsewhere": (
        "a.sh",
        {
            "a.sh": f"ssh node1 'cd one && {TRL}'\ntmux new-session -d -s t \"{TRL}\"\nscreen -dmS t {TRL}\n"
            f"sbatch --gres=gpu:4 --wrap '{TRL}'\n"
        },
        [{"framework": "trl", "model": "gpt2"}] * 4,
    ),
    "Megatron's shape and step": (
        "a.sh",
        {
            "a.sh": "torchrun --nproc_per_node 8 --nnodes 2 pretrain_gpt.py --num-layers 32 "
            "--hidden-size 4096 "
            "--num-attention-heads 32 --seq-length 4096 --micro-batch-size 1 --global-batch-size 128 "
            "--tensor-model-parallel-size 4 --pipeline-model-parallel-size 2\n"
        },
        [
            {
                "model": "32 layers x 4096 hidden x 32 heads",
                "method": "pretrain",
                "grad_accum": 64,
                "ranks": 16,
            }
        ],
    ),
    "torchtitan's model has two names": (
        "a.sh",
        {
            "a.sh": "torchrun --nproc_per_node 8 -m torchtitan.train --job.config_file c.toml\n",
            "c.toml": '[model]\nname = "llama3"\nflavor = "8B"\n[training]\nseq_len = 4096\n'
            "local_batch_size = 1\n",
        },
        [{"model": "llama3 8B", "micro_batch": 1}],
    ),
    "a subcommand of litgpt says its method": (
        "a.sh",
        {"a.sh": "litgpt finetune_lora gpt2 --devices 1\nlitgpt finetune_full gpt2 --devices 1\n"},
        [{"framework": "litgpt", "adapter": "lora", "lora_r": 8}, {"adapter": "none"}],
    ),
    "an unknown script under a launcher's DeepSpeed": (
        "a.sh",
        {
            "a.sh": "accelerate launch --use_deepspeed --zero_stage 3 --num_processes 8 fit.py --model gpt2 "
            "--per_device_train_batch_size 2\n"
        },
        [{"engine": "deepspeed", "zero_stage": 3, "ranks": 8}],
    ),
    "Megatron is an engine of its own": (
        "a.sh",
        {"a.sh": "NPROC_PER_NODE=4 megatron sft --model Qwen/Qwen3-8B --micro_batch_size 2\n"},
        [{"framework": "ms-swift", "engine": "megatron", "zero_stage": None}],
    ),
    "verl: a switch is no batch, and rank 0 no adapter": (
        "a.sh",
        {
            "a.sh": "python -m verl.trainer.main_ppo actor_rollout_ref.model.path=gpt2 "
            "actor_rollout_ref.actor.use_dynamic_bsz=True\n"
        },
        [{"adapter": "none", "lora_r": None, "micro_batch": 1}],
    ),
    "the older launcher of torch": (
        "a.sh",
        {
            "a.sh": "python -m torch.distributed.launch --nproc_per_node=4 --use_env fit.py "
            "--model_name_or_path gpt2\n",
            "fit.py": SCRIPT,
        },
        [{"framework": "hf-trainer", "ranks": 4}],
    ),
    "transformers' example is its Trainer": (
        "a.sh",
        {"a.sh": "python run_clm.py --model_name_or_path gpt2 --max_seq_length 64 --bf16\n"},
        [{"framework": "hf-trainer", "ranks": 1}],
    ),
    "sbatch starts a script with what --export says": (
        "a.sh",
        {
            "a.sh": "for n in 2 6; do\n"
            "  sbatch -J fit --export=ALL,SIZE=$n,WHICH=gpt2 jobs/fit.slurm\ndone\n"
            "SIZE=9 WHICH=gpt2 sbatch --export WHICH jobs/fit.slurm\n",
            "jobs/fit.slurm": "torchrun --nproc_per_node 2 run_clm.py --model_name_or_path $WHICH "
            "--per_device_train_batch_size ${SIZE:-1}\n",
        },
        [
            {"model": "gpt2", "micro_batch": 2, "ranks": 2},
            {"model": "gpt2", "micro_batch": 6, "ranks": 2},
            {"model": "gpt2", "micro_batch": 1, "ranks": 2},
        ],
    ),
    "verl: a program of one's own is told by its keys": (
        "a.sh",
        {
            "a.sh": "python -m agents.main actor_rollout_ref.model.path=gpt2 "
            "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=5 trainer.n_gpus_per_node=2\n"
        },
        [{"framework": "verl", "micro_batch": 5, "ranks": 2}],
    ),
}
