#!/bin/bash
# OpenRLHF has no config file: its arguments are the config. ZeRO-3 leaves room on each of eight GPUs.
# vramlint: gpu=A100-80GB x8
deepspeed --num_gpus 8 --module openrlhf.cli.train_dpo \
    --model.model_name_or_path meta-llama/Llama-3.1-8B --model.gradient_checkpointing_enable \
    --ds.zero_stage 3 --ds.packing_samples \
    --train.micro_batch_size 1 --train.batch_size 128 --data.max_len 4096 \
    --data.dataset OpenRLHF/preference_dataset_mixture2_and_safe_pku \
    --data.chosen_key chosen --data.rejected_key rejected --data.apply_chat_template
