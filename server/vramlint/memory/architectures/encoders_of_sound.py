"""How many weights encoders of sound have, as transformers 5.24 builds them; what they hold of a sound is not
counted.
"""

from __future__ import annotations

from vramlint.memory.architectures.encoders_of_images import whole
from vramlint.memory.architectures.families.common import Config

OUTPUT = 3584
"""Width that both classes give out where their config does not say."""


def _layers(audio: Config, key_bias: bool) -> tuple[int, int]:
    """Width and weights of Whisper's layers with a norm after them."""
    width, inner = whole(audio, "d_model"), whole(audio, "encoder_ffn_dim")
    attention = 4 * width**2 + (4 if key_bias else 3) * width
    layer = attention + 2 * width * inner + inner + width + 4 * width
    return width, whole(audio, "encoder_layers") * layer + 2 * width


def qwen2_5_omni(audio: Config) -> int:
    """modeling_qwen2_5_omni.py, Qwen2_5OmniAudioEncoder: two convolutions, vectors for begin and end."""
    own, layers = _layers(audio, key_bias=False)
    convolutions = 3 * own * (whole(audio, "num_mel_bins") + own) + 2 * own
    out = whole(audio, "output_dim", OUTPUT)
    return layers + convolutions + 2 * out + out * (own + 1)


def qwen3_omni(audio: Config) -> int:
    """modeling_qwen3_omni_moe.py, Qwen3OmniMoeAudioEncoder: three convolutions that halve time and pitch."""
    own, layers = _layers(audio, key_bias=True)
    channels, pitches = whole(audio, "downsample_hidden_size"), whole(audio, "num_mel_bins")
    for _ in range(3):
        pitches = (pitches + 1) // 2
    convolutions = channels * (9 + 1) + 2 * channels * (9 * channels + 1)
    out = whole(audio, "output_dim", OUTPUT)
    return layers + convolutions + own * channels * pitches + own * (own + 1) + out * (own + 1)
