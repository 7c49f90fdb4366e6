"""What several frameworks share: the Hugging Face Trainer, DeepSpeed, FSDP, Accelerate, PEFT's targets."""
