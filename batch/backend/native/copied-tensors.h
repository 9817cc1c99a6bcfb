// Put before tfjs-node's binding when it is compiled for a GPU, see compile.ts.
//
// The binding lends TensorFlow the memory of JavaScript's arrays and gives it back through Node's C interface when TensorFlow lets go.
// With a GPU that may be in another thread, when a copy to the device is done; Node's interface must not be called there. So values are
// copied, and the array is given back at once, in the thread that called.
#pragma once

#include <cstring>

#include "tensorflow/c/c_api.h"

static inline TF_Tensor *CopiedTensor(TF_DataType type, const int64_t *shape, int rank, void *values,
                                      size_t bytes, void (*release)(void *, size_t, void *),
                                      void *argument) {
  TF_Tensor *tensor = TF_AllocateTensor(type, shape, rank, bytes);
  if (tensor != nullptr && bytes > 0) memcpy(TF_TensorData(tensor), values, bytes);
  release(values, bytes, argument);
  return tensor;
}

#define TF_NewTensor CopiedTensor
