"""PyTorch's own caching allocator as a witness: libc10_cuda.so on a CUDA runtime that only counts.

`build` makes it, `real` calls it, `traces` draws what both are asked, `compare` asks both.
`benchmarks/allocator_fuzz.py` is the command. Development only: vramlint itself needs none of it.
"""
