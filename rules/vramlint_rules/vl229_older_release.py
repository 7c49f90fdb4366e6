"""VL229."""

from __future__ import annotations

from vramlint_rules._problems import ProblemRule


class OlderRelease(ProblemRule):
    """The file is of an older release of its framework than the newest, and is read as one.

    ## What it finds

    Keys of TRL, torchtitan or ms-swift that were renamed or dropped, from which it follows which release the
    file was written for, where neither comment nor settings name one (`versions=trl@0.18`); and arguments of
    a call in a script that newer releases of TRL or transformers refuse.

    ## Why it matters

    Defaults change between releases, and memory with them. The estimate is that of the release that the
    file was written for. Under a newer one the key is silently dropped, and the default takes its
    place: in the example rows are cut at 1,024 tokens, which happens to be TRL's default, and would be
    whatever else was written.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB
    model_name_or_path: Qwen/Qwen2.5-1.5B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    gradient_checkpointing: true
    max_seq_length: 1024
    dtype: bfloat16
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB
    model_name_or_path: Qwen/Qwen2.5-1.5B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    gradient_checkpointing: true
    max_length: 1024
    dtype: bfloat16
    ```
    """

    code = "VL229"
    name = "older-release"
    severity = "information"
    summary = "the file is read as one of an older release"
