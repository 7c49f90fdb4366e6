from statistics import median

import pytest

from vramlint.catalog.facts import GIB, MIB
from vramlint.catalog.gpus import (
    HELD_BACK,
    all_gpus,
    find_gpu,
    find_instance,
    meanings,
    nearest_gpus,
    normalised,
    search_gpus,
)
from vramlint.catalog.table import FOLDER, Table

RECORDS = list(Table(FOLDER / "gpus.jsonl"))
INSTANCES = list(Table(FOLDER / "instances.jsonl"))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["name"])
def test_every_name_of_a_card_finds_it(record):
    for name in (record["name"], *record["aliases"]):
        assert find_gpu(name).name == record["name"], name
        assert find_gpu(name.upper().replace(" ", "_")).name == record["name"], name


def test_no_name_belongs_to_two_cards():
    owners: dict[str, set[str]] = {}
    for record in RECORDS:
        for name in (record["name"], *record["aliases"]):
            owners.setdefault(normalised(name), set()).add(record["name"])
    assert [names for names in owners.values() if len(names) > 1] == []


@pytest.mark.parametrize("gpu", all_gpus(), ids=lambda gpu: gpu.name)
def test_what_pytorch_can_have_is_a_little_less_than_what_is_printed(gpu):
    share = gpu.usable_bytes / gpu.memory_bytes
    assert (0.65 if gpu.vendor == "apple" else 0.93) < share <= 1
    assert {"bf16", "fp8", "fp4", "tf32", "flash_attention_2", "int8"} <= set(gpu.supports)


def test_the_held_back_shares_are_medians_of_the_measured_cards():
    floor = 0.0
    for limit, share in HELD_BACK:
        seen = [
            1 - record["torch_mib"] / record["memory_mib"]
            for record in RECORDS
            if "torch_mib" in record
            and record["vendor"] == "nvidia"
            and floor <= record["memory_mib"] < limit
        ]
        assert share == pytest.approx(median(seen), abs=5e-5)
        floor = limit


def test_a_seen_total_is_taken_as_it_was_seen():
    gpu = find_gpu("RTX-4090")
    assert (gpu.memory_bytes, gpu.usable_bytes) == (24564 * MIB, 24081 * MIB)
    assert (gpu.compute_capability, gpu.architecture, gpu.supports["fp8"]) == ("8.9", "Ada", True)


@pytest.mark.parametrize(
    ("name", "card"),
    [
        ("A100", "A100 40GB SXM"),
        ("NVIDIA A100-SXM4-80GB", "A100 80GB SXM"),
        ("A100 (80GB)", "A100 80GB SXM"),
        ("A100-SXM-80GB", "A100 80GB SXM"),
        ("80GB A100", "A100 80GB SXM"),
        ("A100-PCIE 80GB", "A100 80GB PCIe"),
        ("5060 Ti", "RTX 5060 Ti 8GB"),
        ("5060 Ti 16GB", "RTX 5060 Ti 16GB"),
        ("1080 Ti", "GTX 1080 Ti"),
        ("V100-32GB", "V100 32GB"),
        ("RTX 4090 24GB", "RTX 4090"),
        ("NVIDIA GeForce RTX 3090", "RTX 3090"),
        ("gpu:h100", "H100 80GB SXM"),
        ("7900xtx", "RX 7900 XTX"),
    ],
)
def test_spellings_people_use(name, card):
    assert find_gpu(name).name == card


@pytest.mark.parametrize(
    "name", ["", "RTX 4090 80GB", "foo", "nvidia", "gpu", "80GB", "x" * 5000, "A100 9g.90gb"]
)
def test_names_that_mean_no_card(name):
    assert find_gpu(name) is None


def test_a_short_name_tells_what_else_it_may_mean():
    assert [gpu.memory_bytes // GIB for gpu in meanings("a100")] == [40, 40, 80, 80]
    assert [gpu.name for gpu in meanings("RTX 4090")] == ["RTX 4090"]
    assert meanings("nothing") == ()


@pytest.mark.parametrize(
    ("name", "slice_name", "mib"),
    [
        ("A100-80GB 3g.40gb", "A100 80GB SXM MIG 3g.40gb", 40192),
        ("A100 3g.40gb", "A100 80GB SXM MIG 3g.40gb", 40192),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", "A100 40GB SXM MIG 1g.5gb", 4864),
        ("nvidia.com/mig-1g.10gb", "A100 80GB SXM MIG 1g.10gb", 9728),
        ("H100 1g.10gb+me", "H100 80GB SXM MIG 1g.10gb", 9984),
    ],
)
def test_mig_slices(name, slice_name, mib):
    gpu = find_gpu(name)
    assert (gpu.name, gpu.memory_bytes) == (slice_name, mib * MIB)
    assert gpu.usable_bytes < gpu.memory_bytes


@pytest.mark.parametrize("record", INSTANCES, ids=lambda record: record["name"])
def test_every_machine_type_has_a_known_card(record):
    instance = find_instance(record["name"].upper())
    assert (instance.name, instance.gpu.name, instance.count) == (
        record["name"],
        record["gpu"],
        record["count"],
    )


def test_nearest_and_search():
    assert nearest_gpus("RTX 4O90", 1) == ["RTX 4090"]
    assert nearest_gpus("A100-80G8", 2)[0] == "A100 80GB SXM"
    assert "RTX 5090" in [gpu.name for gpu in search_gpus("blackwell consumer")]
    assert search_gpus("no such card") == []


def test_a_drivers_total_stands_above_the_table():
    from vramlint.catalog.nvml import measured

    as_known = measured("NVIDIA A100-SXM4-80GB", 81920 * MIB)
    assert as_known == find_gpu("A100-80GB")
    with_ecc = measured("NVIDIA RTX A6000", 46068 * MIB)
    assert (with_ecc.name, with_ecc.memory_bytes) == ("RTX A6000 48GB", 46068 * MIB)
    assert with_ecc.usable_bytes == pytest.approx(46068 * MIB * (1 - HELD_BACK[-1][1]), abs=2)
    unknown = measured("NVIDIA Future 9000", 96 * GIB)
    assert (unknown.name, unknown.memory_bytes, unknown.vendor) == ("NVIDIA Future 9000", 96 * GIB, "nvidia")
