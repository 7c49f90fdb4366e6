/* A pretended CUDA runtime: one device, no stream capture, memory that is only counted.

   What libc10_cuda.so asks of it and is not here is made by build.py as a function that ends the process.
   libcuda.so.1 is an empty library that is linked with this one, so that the driver's functions are found in
   it. Addresses rise and are never used twice. */

#include <cuda.h>
#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE (2ull << 20)

static size_t total = 80ull << 30, capacity = SIZE_MAX, used;
static uint64_t next_address = 1ull << 40;

/* What oracle.cpp sets: the device's memory, once; how much of it the driver gives, for each trace. */
void pretend_device(size_t bytes) { total = bytes; }
void pretend_capacity(size_t bytes) { capacity = bytes; }
size_t pretend_used(void) { return used; }

static int taken(size_t bytes) {
    if (bytes > capacity || used > capacity - bytes) return 0;
    used += bytes;
    return 1;
}

static uint64_t addresses(size_t bytes) {
    uint64_t start = next_address;
    next_address += (bytes + PAGE - 1) / PAGE * PAGE + PAGE;
    return start;
}

/* Sizes by address (cudaMalloc) or handle (cuMemCreate): open addressing, kept in a growing table. */
struct size_of { uint64_t key; size_t bytes; };
static struct size_of *sizes;
static size_t room, filled;

static struct size_of *place(uint64_t key) {
    size_t at = (key * 0x9E3779B97F4A7C15ull >> 20) & (room - 1);
    while (sizes[at].key && sizes[at].key != key) at = (at + 1) & (room - 1);
    return &sizes[at];
}

static void remember(uint64_t key, size_t bytes) {
    if (2 * (filled + 1) > room) {
        struct size_of *old = sizes;
        size_t before = room;
        room = 1024;
        for (size_t i = filled = 0; i < before; i++) filled += old[i].bytes != 0;
        while (room < 4 * (filled + 1)) room *= 2;
        sizes = calloc(room, sizeof *sizes);
        for (size_t i = 0; i < before; i++)
            if (old[i].bytes) *place(old[i].key) = old[i];
        free(old);
    }
    struct size_of *at = place(key);
    filled += !at->key;
    at->key = key;
    at->bytes = bytes;
}

static void forget(uint64_t key) {
    struct size_of *at = place(key);
    if (!at->bytes) {
        fprintf(stderr, "pretended CUDA: %llx is given back and was never handed out\n",
                (unsigned long long)key);
        abort();
    }
    used -= at->bytes;
    at->bytes = 0;
}

cudaError_t cudaMalloc(void **pointer, size_t bytes) {
    if (!taken(bytes)) return cudaErrorMemoryAllocation;
    *pointer = (void *)addresses(bytes);
    remember((uint64_t)*pointer, bytes);
    return cudaSuccess;
}

cudaError_t cudaFree(void *pointer) {
    if (pointer) forget((uint64_t)pointer);
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes) {
    *free_bytes = (capacity < total ? capacity : total) - used;
    *total_bytes = total;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device) {
    memset(properties, 0, sizeof *properties);
    strcpy(properties->name, "pretended");
    properties->totalGlobalMem = total;
    properties->major = 9;
    properties->multiProcessorCount = 132;
    return cudaSuccess;
}

cudaError_t cudaGetDevice(int *device) { return *device = 0, cudaSuccess; }
cudaError_t cudaGetDeviceCount(int *count) { return *count = 1, cudaSuccess; }
cudaError_t cudaSetDevice(int device) { return cudaSuccess; }
cudaError_t cudaDeviceSynchronize(void) { return cudaSuccess; }
cudaError_t cudaDriverGetVersion(int *version) { return *version = CUDART_VERSION, cudaSuccess; }
cudaError_t cudaGetLastError(void) { return cudaSuccess; }
const char *cudaGetErrorString(cudaError_t error) { return "an error"; }
const char *cudaGetErrorName(cudaError_t error) { return "error"; }
cudaError_t cudaThreadExchangeStreamCaptureMode(enum cudaStreamCaptureMode *mode) { return cudaSuccess; }
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *status) {
    return *status = cudaStreamCaptureStatusNone, cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) { return cudaSuccess; }
cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest) {
    return *least = 0, *greatest = -1, cudaSuccess;
}

/* Events: done once their stream has come as far. A stream runs when pretend_finish says so. */
#define STREAMS 1024
static uint64_t recorded[STREAMS], finished[STREAMS];
struct event { unsigned stream; uint64_t at; };

static unsigned of(cudaStream_t stream) { return ((uintptr_t)stream >> 8) % STREAMS; }
void pretend_finish(uint64_t stream) { finished[stream % STREAMS] = recorded[stream % STREAMS]; }
void pretend_finish_all(void) { memcpy(finished, recorded, sizeof finished); }

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) {
    *event = (cudaEvent_t)calloc(1, sizeof(struct event));
    return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) { return free(event), cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    struct event *made = (struct event *)event;
    made->stream = of(stream);
    made->at = ++recorded[made->stream];
    return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
    struct event *asked = (struct event *)event;
    return asked->at <= finished[asked->stream] ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    struct event *asked = (struct event *)event;
    if (finished[asked->stream] < asked->at) finished[asked->stream] = asked->at;
    return cudaSuccess;
}

/* The driver, as far as expandable segments ask it. */
CUresult cuMemAddressReserve(CUdeviceptr *address, size_t bytes, size_t alignment, CUdeviceptr wish,
                             unsigned long long flags) {
    return *address = addresses(bytes), CUDA_SUCCESS;
}
CUresult cuMemAddressFree(CUdeviceptr address, size_t bytes) { return CUDA_SUCCESS; }
CUresult cuMemCreate(CUmemGenericAllocationHandle *handle, size_t bytes, const CUmemAllocationProp *prop,
                     unsigned long long flags) {
    if (!taken(bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
    *handle = addresses(0);
    remember(*handle, bytes);
    return CUDA_SUCCESS;
}
CUresult cuMemRelease(CUmemGenericAllocationHandle handle) { return forget(handle), CUDA_SUCCESS; }
CUresult cuMemMap(CUdeviceptr address, size_t bytes, size_t offset, CUmemGenericAllocationHandle handle,
                  unsigned long long flags) {
    return CUDA_SUCCESS;
}
CUresult cuMemUnmap(CUdeviceptr address, size_t bytes) { return CUDA_SUCCESS; }
CUresult cuMemSetAccess(CUdeviceptr address, size_t bytes, const CUmemAccessDesc *access, size_t count) {
    return CUDA_SUCCESS;
}
CUresult cuMemGetAllocationGranularity(size_t *bytes, const CUmemAllocationProp *prop,
                                       CUmemAllocationGranularity_flags option) {
    return *bytes = PAGE, CUDA_SUCCESS;
}
CUresult cuDeviceGet(CUdevice *device, int ordinal) { return *device = ordinal, CUDA_SUCCESS; }
CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute which, CUdevice device) {
    return *value = 0, CUDA_SUCCESS;
}

#if CUDART_VERSION >= 12090
CUresult cuLogsRegisterCallback(CUlogsCallback function, void *data, CUlogsCallbackHandle *handle) {
    return CUDA_SUCCESS;
}
CUresult cuLogsUnregisterCallback(CUlogsCallbackHandle handle) { return CUDA_SUCCESS; }
#endif

#if CUDART_VERSION >= 12050
cudaError_t cudaGetDriverEntryPointByVersion(const char *symbol, void **function, unsigned version,
                                             unsigned long long flags,
                                             enum cudaDriverEntryPointQueryResult *found) {
    *function = dlsym(dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD), symbol);
    if (found) *found = *function ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
    return cudaSuccess;
}
#endif
