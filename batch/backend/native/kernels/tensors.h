// What every operation of ours is written with: tensors of TensorFlow's C API, threads, arithmetic.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

// Leaves out what the C API itself does not need, and its headers with it.
#define IS_SLIM_BUILD
#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_tensor.h"

namespace {

// ---- Tensors and errors ----

struct Failure {
  std::string message;
};

class Input {
 public:
  Input(TF_OpKernelContext* context, int index) {
    TF_Status* status = TF_NewStatus();
    TF_GetInput(context, index, &tensor_, status);
    const bool ok = TF_GetCode(status) == TF_OK;
    std::string message = TF_Message(status);
    TF_DeleteStatus(status);
    if (!ok) throw Failure{message};
  }
  Input(const Input&) = delete;
  ~Input() { TF_DeleteTensor(tensor_); }
  int64_t dim(int axis) const { return TF_Dim(tensor_, axis); }
  int rank() const { return TF_NumDims(tensor_); }
  int64_t size() const { return TF_TensorElementCount(tensor_); }
  float* floats() const { return static_cast<float*>(TF_TensorData(tensor_)); }
  const int32_t* integers() const { return static_cast<const int32_t*>(TF_TensorData(tensor_)); }

 private:
  TF_Tensor* tensor_ = nullptr;
};

class Output {
 public:
  Output(TF_OpKernelContext* context, int index, std::vector<int64_t> shape) {
    int64_t size = 1;
    for (int64_t length : shape) size *= length;
    TF_Status* status = TF_NewStatus();
    tensor_ = TF_AllocateOutput(context, index, TF_FLOAT, shape.data(), static_cast<int>(shape.size()),
                                size * sizeof(float), status);
    const bool ok = TF_GetCode(status) == TF_OK;
    std::string message = TF_Message(status);
    TF_DeleteStatus(status);
    if (!ok) throw Failure{message};
    size_ = size;
  }
  Output(const Output&) = delete;
  ~Output() { TF_DeleteTensor(tensor_); }
  float* floats() const { return static_cast<float*>(TF_TensorData(tensor_)); }
  int64_t size() const { return size_; }

 private:
  TF_Tensor* tensor_ = nullptr;
  int64_t size_ = 0;
};

/** The message is made only where it is needed: this is asked of each index of a batch. */
inline void expectIndex(int64_t index, int64_t count, const char* what) {
  if (index < 0 || index >= count)
    throw Failure{std::string(what) + " in 0…" + std::to_string(count - 1) + ", found " + std::to_string(index)};
}

// ---- Threads ----

/** As many as TensorFlow itself takes. */
int threads() {
  const char* wanted = std::getenv("TF_NUM_INTRAOP_THREADS");
  const int count = wanted ? std::atoi(wanted) : 0;
  return std::clamp<int>(count > 0 ? count : std::thread::hardware_concurrency(), 1, 16);
}
const int kThreads = threads();
/** Floating-point operations below which a second thread costs more than it does. */
constexpr int64_t kWorthAThread = 1 << 18;

/** Runs work(part, parts) for each part. */
void inParts(int64_t operations, const std::function<void(int, int)>& work) {
  const int parts = static_cast<int>(std::clamp<int64_t>(operations / kWorthAThread, 1, kThreads));
  std::vector<std::thread> others;
  for (int part = 1; part < parts; ++part) others.emplace_back(work, part, parts);
  work(0, parts);
  for (std::thread& other : others) other.join();
}

/** Rows [begin, end) of a part. */
struct Range {
  Range(int64_t rows, int part, int parts) : begin(rows * part / parts), end(rows * (part + 1) / parts) {}
  int64_t begin, end;
};

/** sums[j] = Σ over rows of values[row, j]; a column belongs to one thread. */
void sumRows(const float* values, int64_t rows, int64_t columns, float* sums) {
  inParts(rows * columns, [=](int part, int parts) {
    const Range own(columns, part, parts);
    std::fill(sums + own.begin, sums + own.end, 0.0f);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t j = own.begin; j < own.end; ++j) sums[j] += values[row * columns + j];
  });
}

// ---- Arithmetic ----

constexpr int kLanes = 16;
/** As many values as one line of the cache holds. */
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));

/** In lanes, since one running maximum would wait for itself. */
inline float largestOf(const float* values, int64_t count) {
  Lanes largest = Lanes{} + values[0];
  int64_t at = 0;
  for (; at + kLanes <= count; at += kLanes) {
    Lanes next;
    std::memcpy(&next, values + at, sizeof next);
    largest = next > largest ? next : largest;
  }
  float result = values[0];
  for (; at < count; ++at) result = std::max(result, values[at]);
  for (int lane = 0; lane < kLanes; ++lane) result = std::max(result, largest[lane]);
  return result;
}

/** exp(x), branchless so that the compiler makes vectors of it: within 2e-7 of its size, 0 below 1e-37, and that of 88 beyond. */
inline float exponential(float x) {
  const float bounded = std::min(std::max(x, -87.0f), 88.0f);
  const float scaled = bounded * 1.44269504f;
  const float whole = std::floor(scaled + 0.5f);
  const float rest = (bounded - whole * 0.693359375f) + whole * 2.12194440e-4f;
  float power = 1.9875691500e-4f;
  power = power * rest + 1.3981999507e-3f;
  power = power * rest + 8.3334519073e-3f;
  power = power * rest + 4.1665795894e-2f;
  power = power * rest + 1.6666665459e-1f;
  power = power * rest + 5.0000001201e-1f;
  power = power * rest * rest + rest + 1.0f;
  const int32_t bits = (static_cast<int32_t>(whole) + 127) << 23;
  float scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return x < -85.0f ? 0.0f : power * scale;
}

}  // namespace
