#!/bin/bash
# A launch line without a config: batch and length keep 15 GiB of activations. A batch of 2 fits.
# vramlint: gpu=RTX-4090
BATCH=${BATCH:-8}
CUDA_VISIBLE_DEVICES=0 trl sft \
    --model_name_or_path Qwen/Qwen2.5-7B --use_peft --dtype bfloat16 \
    --per_device_train_batch_size "$BATCH" --max_length 4096 \
    --dataset_name trl-lib/Capybara --output_dir out
