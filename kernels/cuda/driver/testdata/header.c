// Compared by make kernels with the driver's own header: calls, their number of arguments, structs and numbers of shim.h.

#include <cuda.h>

#include "../shim.h"

// Handles are numbers in shim.h: what is compared of arguments is that there are as many, and none is a struct.
#define CALL(symbol, parameters, arguments) static inline int call_##symbol parameters { return (int)symbol arguments; }
MM_GLOBAL_CALLS(CALL)
MM_CONTEXT_CALLS(CALL)

#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #ours " is not " #theirs)
#define PLACE(ours, our_field, theirs, their_field)                                                                      \
	SAME(offsetof(ours, our_field), offsetof(theirs, their_field));                                                     \
	SAME(sizeof(((ours *)0)->our_field), sizeof(((theirs *)0)->their_field))

SAME(sizeof(mm_device), sizeof(CUdevice));
SAME(sizeof(mm_handle), sizeof(CUcontext));
SAME(sizeof(mm_pointer), sizeof(CUdeviceptr));

SAME(sizeof(mm_attribute), sizeof(CUlaunchAttribute));
PLACE(mm_attribute, id, CUlaunchAttribute, id);
SAME(offsetof(mm_attribute, value), offsetof(CUlaunchAttribute, value));
SAME(MM_ATTRIBUTE_COOPERATIVE, CU_LAUNCH_ATTRIBUTE_COOPERATIVE);
SAME(MM_ATTRIBUTE_CLUSTER, CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION);
SAME(MM_ATTRIBUTE_PROGRAMMATIC, CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);

SAME(sizeof(mm_config), sizeof(CUlaunchConfig));
SAME(offsetof(mm_config, block), offsetof(CUlaunchConfig, blockDimX));
PLACE(mm_config, shared, CUlaunchConfig, sharedMemBytes);
PLACE(mm_config, stream, CUlaunchConfig, hStream);
PLACE(mm_config, attributes, CUlaunchConfig, attrs);
PLACE(mm_config, count, CUlaunchConfig, numAttrs);

SAME(sizeof(mm_copy2d), sizeof(CUDA_MEMCPY2D));
PLACE(mm_copy2d, src_type, CUDA_MEMCPY2D, srcMemoryType);
PLACE(mm_copy2d, src_host, CUDA_MEMCPY2D, srcHost);
PLACE(mm_copy2d, src_device, CUDA_MEMCPY2D, srcDevice);
PLACE(mm_copy2d, src_pitch, CUDA_MEMCPY2D, srcPitch);
PLACE(mm_copy2d, dst_type, CUDA_MEMCPY2D, dstMemoryType);
PLACE(mm_copy2d, dst_host, CUDA_MEMCPY2D, dstHost);
PLACE(mm_copy2d, dst_device, CUDA_MEMCPY2D, dstDevice);
PLACE(mm_copy2d, dst_pitch, CUDA_MEMCPY2D, dstPitch);
PLACE(mm_copy2d, width, CUDA_MEMCPY2D, WidthInBytes);
PLACE(mm_copy2d, height, CUDA_MEMCPY2D, Height);
SAME(MM_HOST, CU_MEMORYTYPE_HOST);
SAME(MM_DEVICE, CU_MEMORYTYPE_DEVICE);

SAME(sizeof(mm_tensor_map), sizeof(CUtensorMap));
SAME(_Alignof(mm_tensor_map), _Alignof(CUtensorMap));
