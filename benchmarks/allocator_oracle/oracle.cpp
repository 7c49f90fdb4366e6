// Runs a trace on PyTorch's own allocator and reads what it counts after each event.

#if __has_include(<c10/core/AllocatorConfig.h>)
#include <c10/core/AllocatorConfig.h>
#endif
#include <c10/cuda/CUDAAllocatorConfig.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAStream.h>
#include <c10/util/Logging.h>
#if __has_include(<c10/cuda/PeerToPeerAccess.h>)
#include <c10/cuda/PeerToPeerAccess.h>
#endif

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <unordered_map>

namespace allocators = c10::cuda::CUDACachingAllocator;
using c10::CachingAllocator::StatType;

// Torch before 2.10 has one class for the settings, and no setting for a large segment.
#if __has_include(<c10/core/AllocatorConfig.h>)
using Config = c10::CachingAllocator::AcceleratorAllocatorConfig;
#else
using Config = allocators::CUDAAllocatorConfig;
#endif

template <class Any>
uint64_t large_segment() {
  if constexpr (requires { Any::large_segment_size(); }) {
    return Any::large_segment_size();
  } else {
    return 20 << 20;
  }
}

template <class Any>
bool expandable() {
  if constexpr (requires { Any::use_expandable_segments(); }) {
    return Any::use_expandable_segments();
  } else {
    return Any::expandable_segments();
  }
}

// Set by libtorch_cuda, which is not here; in no header.
namespace c10::cuda::_internal {
void setHasPrimaryContext(bool (*)(c10::DeviceIndex));
}

extern "C" {
void pretend_device(size_t bytes);
void pretend_capacity(size_t bytes);
void pretend_finish(uint64_t stream);
void pretend_finish_all();
size_t pretend_used();

enum { MALLOC, FREE, USED, FINISHED, EMPTY };

struct Event {
  int64_t kind, number, size, stream;
};
struct After {
  int64_t allocated, reserved, driver;
};

// What is wrong with the settings, or null.
const char* oracle_open(uint64_t device) try {
  setenv("TORCH_CPP_LOG_LEVEL", "ERROR", 1);  // running out of memory is an answer here
  c10::initLogging();
  c10::cuda::_internal::setHasPrimaryContext([](c10::DeviceIndex) { return true; });
  pretend_device(device);
  allocators::init(1);
#if __has_include(<c10/cuda/PeerToPeerAccess.h>)
  c10::cuda::detail::init_p2p_access_cache(1);
  // Chosen here, as torch itself would only after it has looked for NVLink.
  allocators::CUDAAllocatorConfig::set_expandable_segments_handle_type(
      allocators::Expandable_Segments_Handle_Type::POSIX_FD);
#endif
  return nullptr;
} catch (const c10::Error& error) {
  return strdup(error.what_without_backtrace());
} catch (const std::exception& error) {
  return strdup(error.what());
}

// What was read of the settings: expandable, max_split, rounding, large segment, and 16 numbers of divisions.
void oracle_settings(uint64_t* read) {
  *read++ = expandable<Config>();
  *read++ = Config::max_split_size();
  *read++ = Config::max_non_split_rounding_size();
  *read++ = large_segment<Config>();
  for (size_t divisions : Config::roundup_power2_divisions()) {
    *read++ = divisions;
  }
}

// How many events ran: fewer than `count` where one ran out of memory. `peaks`: allocated, reserved.
int64_t oracle_run(const Event* events, int64_t count, uint64_t capacity, After* after, int64_t* peaks) {
  auto* allocator = allocators::get();
  std::unordered_map<int64_t, void*> alive;
  auto cuda = c10::Device(c10::DeviceType::CUDA, 0);
  auto total = static_cast<size_t>(StatType::AGGREGATE);
  pretend_capacity(capacity);
  allocator->resetPeakStats(0);
  int64_t done = 0;
  try {
    for (; done < count; ++done) {
      const auto& event = events[done];
      auto stream = reinterpret_cast<cudaStream_t>(event.stream << 8);  // as a pointer would be
      switch (event.kind) {
        case MALLOC:
          alive[event.number] = allocator->raw_alloc_with_stream(event.size, stream);
          break;
        case FREE:
          allocator->raw_delete(alive.at(event.number));
          alive.erase(event.number);
          break;
        case USED: {
          void* pointer = alive.at(event.number);
          c10::DataPtr data(pointer, pointer, allocator->raw_deleter(), cuda);
          allocator->recordStream(data, c10::cuda::getStreamFromExternal(stream, 0));
          data.release_context();
          break;
        }
        case FINISHED:
          pretend_finish(event.stream);
          break;
        default:
          allocators::emptyCache();
      }
      auto stats = allocator->getDeviceStats(0);
      after[done] = {
          stats.allocated_bytes[total].current,
          stats.reserved_bytes[total].current,
          static_cast<int64_t>(pretend_used())};
    }
  } catch (const c10::OutOfMemoryError&) {
  } catch (const std::exception& error) {
    std::fprintf(stderr, "oracle: %s\n", error.what());
    std::abort();
  }
  auto stats = allocator->getDeviceStats(0);
  peaks[0] = stats.allocated_bytes[total].peak;
  peaks[1] = stats.reserved_bytes[total].peak;
  for (auto& [number, pointer] : alive) {
    allocator->raw_delete(pointer);
  }
  pretend_capacity(SIZE_MAX);
  pretend_finish_all();
  allocators::emptyCache();
  if (pretend_used()) {
    std::fprintf(stderr, "oracle: %zu bytes were not given back\n", pretend_used());
    std::abort();
  }
  return done;
}
}
