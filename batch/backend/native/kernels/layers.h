// Layers of networks, each way in one pass where TensorFlow's operations would take many. training/layers.ts and
// training/causal-convolution.ts have the formulas, composed for backends without these.
#pragma once

#include "tensors.h"

namespace {

// ---- Normalisation ----

/** Mean (0 where only the length counts) and 1 / √(mean square about it + ε) of a row. */
struct Spread {
  float mean, inverse;
};

Spread spreadOf(const float* x, int64_t width, bool centred) {
  constexpr float epsilon = 1e-5f;
  float sum = 0, squares = 0;
  if (centred)
    for (int64_t j = 0; j < width; ++j) sum += x[j];
  const float mean = sum / width;
  for (int64_t j = 0; j < width; ++j) squares += (x[j] - mean) * (x[j] - mean);
  return {mean, 1 / std::sqrt(squares / width + epsilon)};
}

/** y = (x − mean) · inverse · scale (+ shift), row by row; the spreads are kept as [rows, 2]. */
template <bool centred>
void normalise(TF_OpKernelContext* context) {
  const Input x(context, 0), scale(context, 1), shift(context, centred ? 2 : 1);
  const int64_t rows = x.dim(0), width = x.dim(1);
  const Output y(context, 0, {rows, width}), spreads(context, 1, {rows, 2});
  inParts(6 * rows * width, [&](int part, int parts) {
    const Range own(rows, part, parts);
    const float *gain = scale.floats(), *added = shift.floats();
    for (int64_t row = own.begin; row < own.end; ++row) {
      const float* in = x.floats() + row * width;
      float* out = y.floats() + row * width;
      const Spread spread = spreadOf(in, width, centred);
      for (int64_t j = 0; j < width; ++j) {
        out[j] = (in[j] - spread.mean) * spread.inverse * gain[j];
        if (centred) out[j] += added[j];
      }
      spreads.floats()[2 * row] = spread.mean;
      spreads.floats()[2 * row + 1] = spread.inverse;
    }
  });
}

/** Gradients by x, scale and, where it is centred, shift. */
template <bool centred>
void normaliseGrad(TF_OpKernelContext* context) {
  const Input dy(context, 0), x(context, 1), scale(context, 2), spreads(context, centred ? 4 : 3);
  const int64_t rows = x.dim(0), width = x.dim(1);
  const Output byX(context, 0, {rows, width}), byScale(context, 1, {width});
  const float *slopes = dy.floats(), *values = x.floats(), *kept = spreads.floats(), *gain = scale.floats();
  inParts(8 * rows * width, [&](int part, int parts) {
    const Range own(rows, part, parts);
    for (int64_t row = own.begin; row < own.end; ++row) {
      const float *slope = slopes + row * width, *in = values + row * width;
      float* out = byX.floats() + row * width;
      const float mean = kept[2 * row], inverse = kept[2 * row + 1];
      float sum = 0, along = 0;
      for (int64_t j = 0; j < width; ++j) {
        const float byUnit = slope[j] * gain[j];
        if (centred) sum += byUnit;
        along += byUnit * (in[j] - mean);
      }
      sum /= width;
      along *= inverse * inverse / width;
      for (int64_t j = 0; j < width; ++j) out[j] = (slope[j] * gain[j] - sum - (in[j] - mean) * along) * inverse;
    }
  });
  inParts(4 * rows * width, [&](int part, int parts) {
    const Range own(width, part, parts);
    float* sums = byScale.floats();
    std::fill(sums + own.begin, sums + own.end, 0.0f);
    for (int64_t row = 0; row < rows; ++row) {
      const float mean = kept[2 * row], inverse = kept[2 * row + 1];
      for (int64_t j = own.begin; j < own.end; ++j)
        sums[j] += slopes[row * width + j] * (values[row * width + j] - mean) * inverse;
    }
  });
  if constexpr (centred) {
    const Output byShift(context, 2, {width});
    sumRows(slopes, rows, width, byShift.floats());
  }
}

// ---- Activation and dropout ----

/** 1 / (1 + exp(−z)). */
inline float sigmoid(float z) {
  const float e = exponential(-std::abs(z));
  return (z < 0 ? e : 1.0f) / (1 + e);
}

/** z · sigmoid(z), z = x + bias; no bias is empty. */
void silu(TF_OpKernelContext* context) {
  const Input x(context, 0), bias(context, 1);
  const int64_t rows = x.dim(0), width = x.dim(1);
  const bool biased = bias.size() > 0;
  const Output y(context, 0, {rows, width});
  inParts(30 * rows * width, [&](int part, int parts) {
    const Range own(rows, part, parts);
    std::vector<float> none(width);
    const float* shift = biased ? bias.floats() : none.data();
    for (int64_t row = own.begin; row < own.end; ++row) {
      const float* in = x.floats() + row * width;
      float* out = y.floats() + row * width;
      for (int64_t j = 0; j < width; ++j) {
        const float z = in[j] + shift[j];
        out[j] = z * sigmoid(z);
      }
    }
  });
}

/** Gradients by x and bias. */
void siluGrad(TF_OpKernelContext* context) {
  const Input dy(context, 0), x(context, 1), bias(context, 2);
  const int64_t rows = x.dim(0), width = x.dim(1);
  const bool biased = bias.size() > 0;
  const Output byX(context, 0, {rows, width}), byBias(context, 1, {bias.size()});
  inParts(34 * rows * width, [&](int part, int parts) {
    const Range own(rows, part, parts);
    std::vector<float> none(width);
    const float* shift = biased ? bias.floats() : none.data();
    for (int64_t row = own.begin; row < own.end; ++row) {
      const float *slope = dy.floats() + row * width, *in = x.floats() + row * width;
      float* out = byX.floats() + row * width;
      for (int64_t j = 0; j < width; ++j) {
        const float z = in[j] + shift[j];
        const float share = sigmoid(z);
        out[j] = slope[j] * share * (1 + z * (1 - share));
      }
    }
  });
  if (biased) sumRows(byX.floats(), rows, width, byBias.floats());
}

/** Numbers, the input after `inputs` others, are threshold and seed; see training/layers.ts. The gradient does the same to dy. */
template <int inputs>
void dropout(TF_OpKernelContext* context) {
  const Input x(context, 0), numbers(context, inputs);
  const uint32_t threshold = numbers.integers()[0], seed = numbers.integers()[1];
  const float kept = 256.0f / (256 - threshold);
  const Output y(context, 0, {x.dim(0), x.dim(1)});
  const float* in = x.floats();
  float* out = y.floats();
  inParts(10 * x.size(), [=, size = x.size()](int part, int parts) {
    const Range own(size, part, parts);
    const float* __restrict from = in + own.begin;
    float* __restrict to = out + own.begin;
    const uint32_t first = own.begin;
    for (int64_t at = 0; at < own.end - own.begin; ++at) {
      const uint32_t i = first + static_cast<uint32_t>(at);
      uint32_t hash = seed + (i >> 2) * 0x9e3779b9u;
      hash = (hash ^ (hash >> 16)) * 0x85ebca6bu;
      hash = (hash ^ (hash >> 13)) * 0xc2b2ae35u;
      hash ^= hash >> 16;
      const uint32_t byte = (hash >> (8 * (i & 3))) & 255;
      const float factor = byte < threshold ? 0.0f : kept;
      to[at] = from[at] * factor;
    }
  });
}

// ---- Gaussian codes ----

/** y = mean + exp(logVariance / 2) · noise. */
void reparametrise(TF_OpKernelContext* context) {
  const Input mean(context, 0), logVariance(context, 1), noise(context, 2);
  const Output y(context, 0, {mean.dim(0), mean.dim(1)});
  const float *centre = mean.floats(), *spread = logVariance.floats(), *drawn = noise.floats();
  float* out = y.floats();
  for (int64_t i = 0; i < mean.size(); ++i) out[i] = centre[i] + exponential(spread[i] / 2) * drawn[i];
}

/** Gradients by mean and logVariance. */
void reparametriseGrad(TF_OpKernelContext* context) {
  const Input dy(context, 0), mean(context, 1), logVariance(context, 2), noise(context, 3);
  const Output byMean(context, 0, {mean.dim(0), mean.dim(1)}), bySpread(context, 1, {mean.dim(0), mean.dim(1)});
  const float *slopes = dy.floats(), *spread = logVariance.floats(), *drawn = noise.floats();
  std::memcpy(byMean.floats(), slopes, mean.size() * sizeof(float));
  for (int64_t i = 0; i < mean.size(); ++i)
    bySpread.floats()[i] = slopes[i] * drawn[i] * exponential(spread[i] / 2) / 2;
}

/** Σ over rows of factor · Σ (mean² + exp(logVariance) − logVariance − 1). */
void divergence(TF_OpKernelContext* context) {
  const Input mean(context, 0), logVariance(context, 1), factors(context, 2);
  const Output sum(context, 0, {});
  const int64_t width = mean.dim(1);
  double total = 0;
  for (int64_t row = 0; row < mean.dim(0); ++row) {
    const float *centre = mean.floats() + row * width, *spread = logVariance.floats() + row * width;
    float own = 0;
    for (int64_t j = 0; j < width; ++j) own += centre[j] * centre[j] + exponential(spread[j]) - spread[j] - 1;
    total += factors.floats()[row] * own;
  }
  *sum.floats() = static_cast<float>(total);
}

/** Gradients by mean and logVariance. */
void divergenceGrad(TF_OpKernelContext* context) {
  const Input dy(context, 0), mean(context, 1), logVariance(context, 2), factors(context, 3);
  const Output byMean(context, 0, {mean.dim(0), mean.dim(1)}), bySpread(context, 1, {mean.dim(0), mean.dim(1)});
  const int64_t width = mean.dim(1);
  for (int64_t row = 0; row < mean.dim(0); ++row) {
    const float factor = *dy.floats() * factors.floats()[row];
    for (int64_t i = row * width; i < (row + 1) * width; ++i) {
      byMean.floats()[i] = 2 * factor * mean.floats()[i];
      bySpread.floats()[i] = factor * (exponential(logVariance.floats()[i]) - 1);
    }
  }
}

// ---- Sequences, time-major: row t · count + b is event t of sequence b ----

/** Numbers are rows between an event and the next, and how many stand beside each other. */
void beside(TF_OpKernelContext* context) {
  const Input x(context, 0), numbers(context, 1);
  const int64_t rows = x.dim(0), width = x.dim(1), count = numbers.integers()[0], many = numbers.integers()[1];
  const Output y(context, 0, {rows, many * width});
  inParts(rows * many * width, [&](int part, int parts) {
    const Range own(rows, part, parts);
    for (int64_t row = own.begin; row < own.end; ++row) {
      for (int64_t back = 0; back < many; ++back) {
        float* out = y.floats() + (row * many + back) * width;
        const int64_t from = row - back * count;
        if (from < 0) std::memset(out, 0, width * sizeof(float));
        else std::memcpy(out, x.floats() + from * width, width * sizeof(float));
      }
    }
  });
}

void besideGrad(TF_OpKernelContext* context) {
  const Input dy(context, 0), x(context, 1), numbers(context, 2);
  const int64_t rows = x.dim(0), width = x.dim(1), count = numbers.integers()[0], many = numbers.integers()[1];
  const Output byX(context, 0, {rows, width});
  inParts(rows * many * width, [&](int part, int parts) {
    const Range own(rows, part, parts);
    for (int64_t row = own.begin; row < own.end; ++row) {
      float* out = byX.floats() + row * width;
      std::memcpy(out, dy.floats() + row * many * width, width * sizeof(float));
      for (int64_t back = 1; back < many && row + back * count < rows; ++back) {
        const float* slope = dy.floats() + ((row + back * count) * many + back) * width;
        for (int64_t j = 0; j < width; ++j) out[j] += slope[j];
      }
    }
  });
}

/** out[t] += Σ over s ≤ t of a[t − s] ∘ b[s]; four times at once, whose sums do not wait for each other. */
void convolve(const Lanes* a, const Lanes* b, int64_t length, Lanes* out) {
  int64_t t = 0;
  for (; t + 4 <= length; t += 4) {
    Lanes sum0 = out[t], sum1 = out[t + 1], sum2 = out[t + 2], sum3 = out[t + 3];
    for (int64_t s = 0; s <= t; ++s) {
      const Lanes x = b[s];
      sum0 += a[t - s] * x;
      sum1 += a[t + 1 - s] * x;
      sum2 += a[t + 2 - s] * x;
      sum3 += a[t + 3 - s] * x;
    }
    sum1 += a[0] * b[t + 1];
    sum2 += a[1] * b[t + 1] + a[0] * b[t + 2];
    sum3 += a[2] * b[t + 1] + a[1] * b[t + 2] + a[0] * b[t + 3];
    out[t] = sum0, out[t + 1] = sum1, out[t + 2] = sum2, out[t + 3] = sum3;
  }
  for (; t < length; ++t)
    for (int64_t s = 0; s <= t; ++s) out[t] += a[t - s] * b[s];
}

/** Some neighbouring channels of a [times, channels] matrix whose rows lie `stride` apart. */
struct Channels {
  int64_t length, stride, first, many;
  Channels(int64_t length, int64_t stride, int64_t first, int64_t channels)
      : length(length), stride(stride), first(first), many(std::min<int64_t>(kLanes, channels - first)) {}
  void read(const float* from, Lanes* to, bool reversed = false) const {
    for (int64_t t = 0; t < length; ++t) {
      Lanes value{};
      std::memcpy(&value, from + t * stride + first, many * sizeof(float));
      to[reversed ? length - 1 - t : t] = value;
    }
  }
  void write(const Lanes* from, float* to, bool reversed = false) const {
    for (int64_t t = 0; t < length; ++t)
      std::memcpy(to + t * stride + first, &from[reversed ? length - 1 - t : t], many * sizeof(float));
  }
};

/** y[t, b] = Σ over s ≤ t of filters[t − s] ∘ x[s, b]; the number is the length. Channels belong to one thread. */
void causalConvolution(TF_OpKernelContext* context) {
  const Input x(context, 0), filters(context, 1), numbers(context, 2);
  const int64_t length = numbers.integers()[0], channels = x.dim(1), count = x.dim(0) / length;
  const Output y(context, 0, {x.dim(0), channels});
  const int64_t blocks = (channels + kLanes - 1) / kLanes;
  inParts(x.size() * length, [&](int part, int parts) {
    std::vector<Lanes> taps(length), in(length), out(length);
    const Range own(blocks, part, parts);
    for (int64_t block = own.begin; block < own.end; ++block) {
      Channels(length, channels, block * kLanes, channels).read(filters.floats(), taps.data());
      const Channels some(length, count * channels, block * kLanes, channels);
      for (int64_t b = 0; b < count; ++b) {
        some.read(x.floats() + b * channels, in.data());
        std::fill(out.begin(), out.end(), Lanes{});
        convolve(taps.data(), in.data(), length, out.data());
        some.write(out.data(), y.floats() + b * channels);
      }
    }
  });
}

/** Gradients by x and filters: convolutions too, of what comes later, read backwards. */
void causalConvolutionGrad(TF_OpKernelContext* context) {
  const Input dy(context, 0), x(context, 1), filters(context, 2), numbers(context, 3);
  const int64_t length = numbers.integers()[0], channels = x.dim(1), count = x.dim(0) / length;
  const Output byX(context, 0, {x.dim(0), channels}), byFilters(context, 1, {filters.dim(0), channels});
  std::memset(byFilters.floats(), 0, byFilters.size() * sizeof(float));
  const int64_t blocks = (channels + kLanes - 1) / kLanes;
  inParts(2 * x.size() * length, [&](int part, int parts) {
    std::vector<Lanes> taps(length), in(length), later(length), out(length), byTaps(length);
    const Range own(blocks, part, parts);
    for (int64_t block = own.begin; block < own.end; ++block) {
      const Channels ofTaps(length, channels, block * kLanes, channels);
      const Channels some(length, count * channels, block * kLanes, channels);
      ofTaps.read(filters.floats(), taps.data());
      std::fill(byTaps.begin(), byTaps.end(), Lanes{});
      for (int64_t b = 0; b < count; ++b) {
        some.read(dy.floats() + b * channels, later.data(), true);
        some.read(x.floats() + b * channels, in.data());
        std::fill(out.begin(), out.end(), Lanes{});
        convolve(taps.data(), later.data(), length, out.data());
        some.write(out.data(), byX.floats() + b * channels, true);
        convolve(in.data(), later.data(), length, byTaps.data());
      }
      ofTaps.write(byTaps.data(), byFilters.floats(), true);
    }
  });
}

}  // namespace
