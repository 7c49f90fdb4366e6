"""What PyTorch refuses of its allocator's settings, as the parsers of torch 2.14.1+cu130 and 2.7.1+cu126 do:
both were asked (AllocatorConfig's parseArgs, with the settings of CUDA registered).
"""

from __future__ import annotations

import pytest

from vramlint.memory.replay.refusals import refusal

TAKEN = [
    "",
    "expandable_segments:True",
    "expandable_segments: True , max_split_size_mb:128,",
    "expandable_segments:True,expandable_segments:False",
    "max_split_size_mb:21",
    "max_split_size_mb:128MB",
    "max_split_size_mb:-1",
    "roundup_power2_divisions:16",
    "roundup_power2_divisions:[256:1,512:2,1024:4,>:8]",
    "roundup_power2_divisions:[256:0,>:8],expandable_segments:True",
    "roundup_power2_divisions:[]",
    "garbage_collection_threshold:0.8",
    "pinned_num_register_threads:8,pinned_use_cuda_host_register:True",
    "backend:native",
]
REFUSED = [
    ("expandable_segments:true", "true"),
    ("expandable_segments:1", "1"),
    ("expandable_segments=True", "expandable_segments=True"),
    ("expandable_segments", "expandable_segments"),
    ("expandable_segments:True;max_split_size_mb:128", "True;max_split_size_mb"),
    ("expandable_segments:True max_split_size_mb:128", "True max_split_size_mb"),
    ("max_split_size_mb:128,,expandable_segments:True", ","),
    ("max_split_size_mb:16", "16"),
    ("max_split_size_mb:abc", "abc"),
    ("max_non_split_rounding_mb:10", "10"),
    ("roundup_power2_divisions:3", "3"),
    ("roundup_power2_divisions:0", "0"),
    ("roundup_power2_divisions:[256:1,512:3,>:8]", "3"),
    ("roundup_power2_divisions:[256:1,500:2,>:8]", "500"),
    ("roundup_power2_divisions:[256:]", "]"),
    ("garbage_collection_threshold:1.0", "1.0"),
    ("garbage_collection_threshold:80%", "80%"),
    ("pinned_num_register_threads:256", "256"),
    ("backend:cudamallocasync", "cudamallocasync"),
    ("expandable_segments:True,garbage_collect_threshold:0.8", "garbage_collect_threshold"),
    ("'expandable_segments:True'", "'expandable_segments"),
]
NEWER = [
    "large_segment_size_mb:64",
    "per_process_memory_fraction:0.9",
    "throw_on_cudamalloc_oom:True",
    "pinned_max_cached_size_mb:128",
]
NEWEST_REFUSES = [
    ("large_segment_size_mb:10", "10"),
    ("max_split_size_mb:32,large_segment_size_mb:64", "32"),
    ("per_process_memory_fraction:1.5", "1.5"),
    ("pinned_reserve_segment_size_mb:0", "0"),
    ("roundup_power2_divisions:[256:1,512:2", "[256:1,512:2"),
    ("roundup_power2_divisions:[", "["),
]


@pytest.mark.parametrize("torch", [None, "2.14.1", "2.7.1"])
@pytest.mark.parametrize("settings", TAKEN)
def test_what_pytorch_takes_is_not_refused(settings: str, torch: str | None) -> None:
    assert refusal(settings, torch) is None


@pytest.mark.parametrize("torch", [None, "2.14.1", "2.7.1"])
@pytest.mark.parametrize(("settings", "at"), REFUSED)
def test_what_pytorch_refuses_is_found_at_its_place(settings: str, at: str, torch: str | None) -> None:
    found = refusal(settings, torch)
    assert found is not None
    assert settings[found.start : found.end] == at


@pytest.mark.parametrize("settings", NEWER)
def test_names_of_newer_releases_are_refused_by_those_known_to_be_older(settings: str) -> None:
    assert refusal(settings) is None
    assert refusal(settings, "2.14.1") is None
    assert refusal(settings, "2.7.1") is not None


@pytest.mark.parametrize(("settings", "at"), NEWEST_REFUSES)
def test_values_of_newer_names(settings: str, at: str) -> None:
    found = refusal(settings)
    assert found is not None
    assert settings[found.start : found.end] == at


def test_releases_that_were_not_read_are_not_judged() -> None:
    assert refusal("expandable_segments:true", "2.6") is None
