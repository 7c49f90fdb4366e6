"""oumi: YAML for `oumi train`, in sections, over trainers of TRL and transformers."""
