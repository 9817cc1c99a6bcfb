// TensorFlow operations for training recommenders on a CPU, through TensorFlow's C API, so that tensors stay where they are.
// Each is what its namesake in ../../kernels/*.ts is on wasm; ../../ops.ts has the formulas. Every output has one owner among
// the threads and is summed in one order, so results do not depend on how many threads there are.
#include <node_api.h>

#include "layers.h"
#include "tensors.h"

namespace {

/** Keeps the square root of an attention sum differentiable when every weight is 0. */
constexpr float kLeastAttention = 1e-12f;

// ---- Embedding bags ----

/** What lies in the bags: a row of the table, and a weight a head. */
struct Entries {
  const float *table, *weights;
  const int32_t *rowOf, *bagOf;
  int64_t count, heads, width;
  /** Of one pass over them. */
  int64_t operations() const { return 2 * count * heads * width; }
};

void check(const Entries& in, int64_t rows, int64_t bags) {
  for (int64_t i = 0; i < in.count; ++i) {
    expectIndex(in.rowOf[i], rows, "embeddingBag: expected a row");
    expectIndex(in.bagOf[i], bags, "embeddingBag: expected a bag");
  }
}

/** sums[b, h] = Σ over entries of bag b of weights[i, h] · table[rows[i]]; a bag belongs to one thread. */
void sumBags(const Entries& in, int64_t bags, float* sums) {
  inParts(in.operations(), [=](int part, int parts) {
    const Range own(bags, part, parts);
    const int64_t heads = in.heads, width = in.width, stride = heads * width;
    std::memset(sums + own.begin * stride, 0, (own.end - own.begin) * stride * sizeof(float));
    for (int64_t i = 0; i < in.count; ++i) {
      const int64_t bag = in.bagOf[i];
      if (bag < own.begin || bag >= own.end) continue;
      const float* row = in.table + in.rowOf[i] * width;
      for (int64_t head = 0; head < heads; ++head) {
        const float weight = in.weights[i * heads + head];
        float* sum = sums + bag * stride + head * width;
        for (int64_t j = 0; j < width; ++j) sum[j] += weight * row[j];
      }
    }
  });
}

/** Gradients by the table and by the weights at once. A row of the table, and all entries on it, belong to one thread. */
void slopesOfBags(const Entries& in, int64_t rows, const float* dy, float* byTable, float* byWeights) {
  inParts(2 * in.operations(), [=](int part, int parts) {
    const int64_t heads = in.heads, width = in.width;
    for (int64_t row = part; row < rows; row += parts) std::memset(byTable + row * width, 0, width * sizeof(float));
    for (int64_t i = 0; i < in.count; ++i) {
      const int64_t at = in.rowOf[i];
      if (at % parts != part) continue;
      const float* row = in.table + at * width;
      float* slope = byTable + at * width;
      for (int64_t head = 0; head < heads; ++head) {
        const float weight = in.weights[i * heads + head];
        const float* out = dy + (in.bagOf[i] * heads + head) * width;
        float dot = 0;
        for (int64_t j = 0; j < width; ++j) {
          dot += out[j] * row[j];
          slope[j] += weight * out[j];
        }
        byWeights[i * heads + head] = dot;
      }
    }
  });
}

void embeddingBag(TF_OpKernelContext* context) {
  const Input table(context, 0), weights(context, 1), rows(context, 2), bags(context, 3);
  const int64_t count = *Input(context, 4).integers();
  const Entries in{table.floats(), weights.floats(), rows.integers(), bags.integers(),
                   rows.size(),    weights.dim(1),   table.dim(1)};
  check(in, table.dim(0), count);
  const Output sums(context, 0, {count, in.heads, in.width});
  sumBags(in, count, sums.floats());
}

/** The gradient by the table alone: a row of it, and all entries on it, belong to one thread. */
void embeddingBagGradTable(TF_OpKernelContext* context) {
  const Input dy(context, 0), table(context, 1), weights(context, 2), rows(context, 3), bags(context, 4);
  const Entries in{table.floats(), weights.floats(), rows.integers(), bags.integers(),
                   rows.size(),    weights.dim(1),   table.dim(1)};
  check(in, table.dim(0), dy.dim(0));
  const Output byTable(context, 0, {table.dim(0), in.width});
  const float* slopes = dy.floats();
  float* all = byTable.floats();
  const int64_t height = table.dim(0);
  inParts(in.operations(), [=](int part, int parts) {
    const int64_t heads = in.heads, width = in.width;
    for (int64_t row = part; row < height; row += parts) std::memset(all + row * width, 0, width * sizeof(float));
    for (int64_t i = 0; i < in.count; ++i) {
      if (in.rowOf[i] % parts != part) continue;
      float* sum = all + in.rowOf[i] * width;
      for (int64_t head = 0; head < heads; ++head) {
        const float weight = in.weights[i * heads + head];
        const float* out = slopes + (in.bagOf[i] * heads + head) * width;
        for (int64_t j = 0; j < width; ++j) sum[j] += weight * out[j];
      }
    }
  });
}

/** The gradient by the weights alone. */
void embeddingBagGradWeights(TF_OpKernelContext* context) {
  const Input dy(context, 0), table(context, 1), weights(context, 2), rows(context, 3), bags(context, 4);
  const Entries in{table.floats(), weights.floats(), rows.integers(), bags.integers(),
                   rows.size(),    weights.dim(1),   table.dim(1)};
  check(in, table.dim(0), dy.dim(0));
  const Output byWeights(context, 0, {in.count, in.heads});
  const float* slopes = dy.floats();
  float* all = byWeights.floats();
  inParts(in.operations(), [=](int part, int parts) {
    const Range own(in.count, part, parts);
    for (int64_t at = own.begin * in.heads; at < own.end * in.heads; ++at) {
      const int64_t i = at / in.heads, head = at % in.heads;
      const float *row = in.table + in.rowOf[i] * in.width, *out = slopes + (in.bagOf[i] * in.heads + head) * in.width;
      float dot = 0;
      for (int64_t j = 0; j < in.width; ++j) dot += out[j] * row[j];
      all[at] = dot;
    }
  });
}

// ---- Attention bags ----

/** Bags whose weights are attention[i, k] = weight · exp(gate + position · log(1 + steps) + age · days); see ../../ops.ts. */
void attentionBag(TF_OpKernelContext* context) {
  const Input table(context, 0), gates(context, 1), position(context, 2), age(context, 3), items(context, 4),
      bags(context, 5), ages(context, 6), positions(context, 7), weights(context, 8);
  const int64_t count = *Input(context, 9).integers(), entries = items.size(), heads = gates.dim(1);
  const Output pooled(context, 0, {count, heads, table.dim(1)}), attention(context, 1, {entries, heads}),
      totals(context, 2, {count, heads});
  float *shares = attention.floats(), *sums = totals.floats(), *out = pooled.floats();
  const Entries in{table.floats(), shares, items.integers(), bags.integers(), entries, heads, table.dim(1)};
  check(in, table.dim(0), count);
  const float *gate = gates.floats(), *byPosition = position.floats(), *byAge = age.floats();
  const float *days = ages.floats(), *steps = positions.floats(), *kinds = weights.floats();
  std::fill(sums, sums + count * heads, 0.0f);
  for (int64_t i = 0; i < entries; ++i) {
    const float distance = std::log1p(steps[i]);
    for (int64_t k = 0; k < heads; ++k) {
      const float logit = gate[in.rowOf[i] * heads + k] + distance * byPosition[k] + days[i] * byAge[k];
      shares[i * heads + k] = kinds[i] * std::exp(logit);
      sums[in.bagOf[i] * heads + k] += shares[i * heads + k];
    }
  }
  sumBags(in, count, out);
  for (int64_t at = 0; at < count * heads; ++at) {
    const float factor = 1 / std::sqrt(sums[at] + kLeastAttention);
    for (int64_t j = 0; j < in.width; ++j) out[at * in.width + j] *= factor;
  }
}

void attentionBagGrad(TF_OpKernelContext* context) {
  const Input dy(context, 0), pooled(context, 1), attention(context, 2), totals(context, 3), table(context, 4),
      items(context, 5), bags(context, 6), ages(context, 7), positions(context, 8);
  const int64_t entries = items.size(), count = totals.dim(0), heads = totals.dim(1), width = table.dim(1);
  const Entries in{table.floats(), attention.floats(), items.integers(), bags.integers(), entries, heads, width};
  check(in, table.dim(0), count);
  const Output byTable(context, 0, {table.dim(0), width}), byGates(context, 1, {table.dim(0), heads}),
      byPosition(context, 2, {1, heads}), byAge(context, 3, {1, heads});
  std::vector<float> bySums(count * heads * width), byTotals(count * heads), byShares(entries * heads);
  for (int64_t at = 0; at < count * heads; ++at) {
    const float total = totals.floats()[at] + kLeastAttention, factor = 1 / std::sqrt(total);
    const float *slopes = dy.floats() + at * width, *out = pooled.floats() + at * width;
    float dot = 0;
    for (int64_t j = 0; j < width; ++j) {
      dot += slopes[j] * out[j];
      bySums[at * width + j] = factor * slopes[j];
    }
    byTotals[at] = -dot / (2 * total);
  }
  slopesOfBags(in, table.dim(0), bySums.data(), byTable.floats(), byShares.data());
  float* gateSlopes = byGates.floats();
  const float *days = ages.floats(), *steps = positions.floats();
  std::fill(gateSlopes, gateSlopes + byGates.size(), 0.0f);
  std::vector<double> positionSlopes(heads), ageSlopes(heads);
  for (int64_t i = 0; i < entries; ++i) {
    const float distance = std::log1p(steps[i]);
    for (int64_t k = 0; k < heads; ++k) {
      const int64_t at = i * heads + k;
      const float slope = in.weights[at] * (byShares[at] + byTotals[in.bagOf[i] * heads + k]);
      gateSlopes[in.rowOf[i] * heads + k] += slope;
      positionSlopes[k] += slope * distance;
      ageSlopes[k] += slope * days[i];
    }
  }
  std::copy(positionSlopes.begin(), positionSlopes.end(), byPosition.floats());
  std::copy(ageSlopes.begin(), ageSlopes.end(), byAge.floats());
}

// ---- Softmax cross-entropy ----

/** Columns listed by row: list[begin(row)] … list[end(row) − 1]. */
void expectLists(const Input& list, const Input* starts, const Input& ends, int64_t columns, const char* what) {
  for (int64_t i = 0; i < list.size(); ++i) expectIndex(list.integers()[i], columns, what);
  for (int64_t row = 0; row < ends.size(); ++row) {
    const int64_t begin = starts ? starts->integers()[row] : row == 0 ? 0 : ends.integers()[row - 1];
    expectIndex(begin, list.size() + 1, "softmaxCrossEntropy: expected a list to begin");
    expectIndex(ends.integers()[row] - begin, list.size() - begin + 1, "softmaxCrossEntropy: expected a list's length");
  }
}

/** Loss and its gradients by logits and bias; a row is read and written while it lies in the processor's nearest cache. */
void softmaxCrossEntropy(TF_OpKernelContext* context) {
  const Input logits(context, 0), bias(context, 1), targets(context, 2), weights(context, 3), targetEnds(context, 4),
      excluded(context, 5), excludedStarts(context, 6), excludedEnds(context, 7);
  const int64_t rows = logits.dim(0), columns = logits.dim(1);
  for (const Input* ends : {&targetEnds, &excludedStarts, &excludedEnds})
    if (ends->size() != rows) throw Failure{"softmaxCrossEntropy: expected " + std::to_string(rows) + " rows"};
  expectLists(targets, nullptr, targetEnds, columns, "softmaxCrossEntropy: expected target");
  expectLists(excluded, &excludedStarts, excludedEnds, columns, "softmaxCrossEntropy: expected excluded");
  const Output loss(context, 0, {});
  const Output byLogits(context, 1, {rows, columns});
  const Output byBias(context, 2, {bias.size()});
  constexpr float never = -1e9f, smallest = 1e-37f;
  const float* shift = bias.size() > 0 ? bias.floats() : nullptr;
  const int32_t *target = targets.integers(), *ends = targetEnds.integers();
  std::vector<double> losses(rows);
  inParts(40 * rows * columns, [&](int part, int parts) {
    const Range own(rows, part, parts);
    for (int64_t row = own.begin; row < own.end; ++row) {
      const float* scores = logits.floats() + row * columns;
      float* slopes = byLogits.floats() + row * columns;
      if (shift)
        for (int64_t j = 0; j < columns; ++j) slopes[j] = scores[j] + shift[j];
      else
        std::memcpy(slopes, scores, columns * sizeof(float));
      for (int64_t at = excludedStarts.integers()[row]; at < excludedEnds.integers()[row]; ++at)
        slopes[excluded.integers()[at]] = never;
      const float largest = largestOf(slopes, columns);
      float sum = 0;
      for (int64_t j = 0; j < columns; ++j) {
        slopes[j] = exponential(slopes[j] - largest);
        sum += slopes[j];
      }
      double total = 0;
      const int64_t first = row == 0 ? 0 : ends[row - 1], last = ends[row];
      for (int64_t at = first; at < last; ++at) {
        const float probability = slopes[target[at]] / sum;
        losses[row] -= weights.floats()[at] * std::log(std::max(probability, smallest));
        total += weights.floats()[at];
      }
      const float factor = static_cast<float>(total / sum);
      for (int64_t j = 0; j < columns; ++j) slopes[j] *= factor;
      for (int64_t at = first; at < last; ++at) slopes[target[at]] -= weights.floats()[at];
    }
  });
  double sum = 0;
  for (double each : losses) sum += each;
  *loss.floats() = static_cast<float>(sum);
  if (shift) sumRows(byLogits.floats(), rows, columns, byBias.floats());
}

// ---- AdamW ----

/** What a step is told; see ../../kernels/adam-w.ts. */
struct Rates {
  explicit Rates(const Input& all) {
    if (all.size() != 7) throw Failure{"adamW: expected 7 rates, found " + std::to_string(all.size())};
    const float* each = all.floats();
    rate = each[0], correction = each[1], keep = each[2], beta1 = each[3], beta2 = each[4], epsilon = each[5];
    step = each[6];
  }
  float rate, correction, keep, beta1, beta2, epsilon, step;
};

inline void stepAdamW(float* __restrict values, float* __restrict means, float* __restrict variances,
                      const float* __restrict slopes, int64_t count, const Rates rates) {
  for (int64_t j = 0; j < count; ++j) {
    const float m = rates.beta1 * means[j] + (1 - rates.beta1) * slopes[j];
    const float v = rates.beta2 * variances[j] + (1 - rates.beta2) * slopes[j] * slopes[j];
    means[j] = m;
    variances[j] = v;
    values[j] = rates.keep * values[j] - rates.rate * m / (std::sqrt(v * rates.correction) + rates.epsilon);
  }
}

/** AdamW in place. The caller owns value and moments alone: no other tensor may share their bytes. */
void adamW(TF_OpKernelContext* context) {
  const Input value(context, 0), gradient(context, 1), mean(context, 2), variance(context, 3);
  const Rates rates(Input(context, 4));
  const Output changed(context, 0, {});
  inParts(12 * value.size(), [&](int part, int parts) {
    const Range own(value.size(), part, parts);
    const int64_t at = own.begin;
    stepAdamW(value.floats() + at, mean.floats() + at, variance.floats() + at, gradient.floats() + at, own.end - at,
              rates);
  });
  *changed.floats() = static_cast<float>(value.size());
}

/** Distinct rows of a table: ascending, so that two threads never meet. */
void expectRows(const Input& rows, int64_t count) {
  for (int64_t i = 0; i < rows.size(); ++i) {
    const int32_t row = rows.integers()[i];
    expectIndex(row, count, "adamW: expected a row");
    if (i > 0 && row <= rows.integers()[i - 1]) throw Failure{"adamW: expected ascending rows"};
  }
}

/** The step for some rows, whose gradients lie in that order. */
void adamWRows(TF_OpKernelContext* context) {
  const Input value(context, 0), gradient(context, 1), mean(context, 2), variance(context, 3), last(context, 4),
      rows(context, 5);
  const Rates rates(Input(context, 6));
  const int64_t width = value.dim(0) == 0 ? 0 : value.size() / value.dim(0);
  expectRows(rows, value.dim(0));
  const Output changed(context, 0, {});
  inParts(12 * rows.size() * width, [&](int part, int parts) {
    const Range own(rows.size(), part, parts);
    for (int64_t i = own.begin; i < own.end; ++i) {
      const int64_t row = rows.integers()[i], at = row * width;
      stepAdamW(value.floats() + at, mean.floats() + at, variance.floats() + at, gradient.floats() + i * width, width,
                rates);
      last.floats()[row] = rates.step;
    }
  });
  *changed.floats() = static_cast<float>(rows.size());
}

inline void settleRow(float* __restrict values, float* __restrict means, float* __restrict variances,
                      const float* __restrict factors, int64_t count, float epsilon) {
  const float keep = factors[0], drift = factors[1], beta1 = factors[2], beta2 = factors[3];
  for (int64_t j = 0; j < count; ++j) {
    values[j] = keep * values[j] - drift * means[j] / (std::sqrt(variances[j]) + epsilon);
    means[j] *= beta1;
    variances[j] *= beta2;
  }
}

/** Brings rows to the present step; factors [rows, 4] say by how much. */
void settleRows(TF_OpKernelContext* context) {
  const Input value(context, 0), mean(context, 1), variance(context, 2), last(context, 3), rows(context, 4),
      factors(context, 5), present(context, 6);
  const int64_t width = value.dim(0) == 0 ? 0 : value.size() / value.dim(0);
  expectRows(rows, value.dim(0));
  if (factors.size() != 4 * rows.size() || present.size() != 2) throw Failure{"adamW: expected 4 factors a row"};
  const Output changed(context, 0, {});
  const float step = present.floats()[0], epsilon = present.floats()[1];
  inParts(8 * rows.size() * width, [&](int part, int parts) {
    const Range own(rows.size(), part, parts);
    for (int64_t i = own.begin; i < own.end; ++i) {
      const int64_t row = rows.integers()[i], at = row * width;
      if (last.floats()[row] >= step) continue;
      settleRow(value.floats() + at, mean.floats() + at, variance.floats() + at, factors.floats() + 4 * i, width,
                epsilon);
      last.floats()[row] = step;
    }
  });
  *changed.floats() = static_cast<float>(rows.size());
}

// ---- Registration ----

template <void (*work)(TF_OpKernelContext*)>
void compute(void*, TF_OpKernelContext* context) {
  try {
    work(context);
  } catch (const Failure& failure) {
    TF_Status* status = TF_NewStatus();
    TF_SetStatus(status, TF_INVALID_ARGUMENT, failure.message.c_str());
    TF_OpKernelContext_Failure(context, status);
    TF_DeleteStatus(status);
  }
}

std::string failed(TF_Status* status) {
  const std::string message = TF_GetCode(status) == TF_OK ? "" : TF_Message(status);
  TF_DeleteStatus(status);
  return message;
}

template <void (*work)(TF_OpKernelContext*)>
std::string define(const char* name, const std::vector<const char*>& inputs, const std::vector<const char*>& outputs) {
  TF_OpDefinitionBuilder* op = TF_NewOpDefinitionBuilder(name);
  for (const char* input : inputs) TF_OpDefinitionBuilderAddInput(op, input);
  for (const char* output : outputs) TF_OpDefinitionBuilderAddOutput(op, output);
  // Never folded, shared or pruned: AdamW changes what it is given.
  TF_OpDefinitionBuilderSetIsStateful(op, true);
  TF_Status* status = TF_NewStatus();
  TF_RegisterOpDefinition(op, status);
  std::string message = failed(status);
  if (!message.empty()) return message;
  TF_KernelBuilder* kernel = TF_NewKernelBuilder(name, "CPU", nullptr, &compute<work>, nullptr);
  status = TF_NewStatus();
  TF_RegisterKernelBuilder(name, kernel, status);
  return failed(status);
}

std::string defineLayers() {
  const std::string results[] = {
      define<normalise<false>>("PerigeeRmsNorm", {"x: float", "scale: float"}, {"y: float", "spreads: float"}),
      define<normaliseGrad<false>>("PerigeeRmsNormGrad", {"dy: float", "x: float", "scale: float", "spreads: float"},
                                   {"by_x: float", "by_scale: float"}),
      define<normalise<true>>("PerigeeLayerNorm", {"x: float", "scale: float", "shift: float"},
                              {"y: float", "spreads: float"}),
      define<normaliseGrad<true>>("PerigeeLayerNormGrad",
                                  {"dy: float", "x: float", "scale: float", "shift: float", "spreads: float"},
                                  {"by_x: float", "by_scale: float", "by_shift: float"}),
      define<silu>("PerigeeSilu", {"x: float", "bias: float"}, {"y: float"}),
      define<siluGrad>("PerigeeSiluGrad", {"dy: float", "x: float", "bias: float"}, {"by_x: float", "by_bias: float"}),
      define<dropout<1>>("PerigeeDropout", {"x: float", "numbers: int32"}, {"y: float"}),
      define<dropout<2>>("PerigeeDropoutGrad", {"dy: float", "x: float", "numbers: int32"}, {"by_x: float"}),
      define<reparametrise>("PerigeeReparametrise", {"mean: float", "log_variance: float", "noise: float"}, {"y: float"}),
      define<reparametriseGrad>("PerigeeReparametriseGrad",
                                {"dy: float", "mean: float", "log_variance: float", "noise: float"},
                                {"by_mean: float", "by_log_variance: float"}),
      define<divergence>("PerigeeDivergence", {"mean: float", "log_variance: float", "factors: float"}, {"sum: float"}),
      define<divergenceGrad>("PerigeeDivergenceGrad",
                             {"dy: float", "mean: float", "log_variance: float", "factors: float"},
                             {"by_mean: float", "by_log_variance: float"}),
      define<beside>("PerigeeBeside", {"x: float", "numbers: int32"}, {"y: float"}),
      define<besideGrad>("PerigeeBesideGrad", {"dy: float", "x: float", "numbers: int32"}, {"by_x: float"}),
      define<causalConvolution>("PerigeeCausalConvolution", {"x: float", "filters: float", "numbers: int32"},
                                {"y: float"}),
      define<causalConvolutionGrad>("PerigeeCausalConvolutionGrad",
                                    {"dy: float", "x: float", "filters: float", "numbers: int32"},
                                    {"by_x: float", "by_filters: float"}),
  };
  for (const std::string& message : results)
    if (!message.empty()) return message;
  return "";
}

std::string defineAll() {
  const char* entries[] = {"table: float", "weights: float", "rows: int32", "bags: int32"};
  std::string message = define<embeddingBag>("PerigeeEmbeddingBag",
                                        {entries[0], entries[1], entries[2], entries[3], "count: int32"},
                                        {"sums: float"});
  if (message.empty())
    message = define<embeddingBagGradTable>("PerigeeEmbeddingBagGradTable",
                                            {"dy: float", entries[0], entries[1], entries[2], entries[3]},
                                            {"by_table: float"});
  if (message.empty())
    message = define<embeddingBagGradWeights>("PerigeeEmbeddingBagGradWeights",
                                              {"dy: float", entries[0], entries[1], entries[2], entries[3]},
                                              {"by_weights: float"});
  if (message.empty())
    message = define<attentionBag>("PerigeeAttentionBag",
                                   {"table: float", "gates: float", "position: float", "age: float", "items: int32",
                                    "bags: int32", "ages: float", "positions: float", "weights: float", "count: int32"},
                                   {"pooled: float", "attention: float", "totals: float"});
  if (message.empty())
    message = define<attentionBagGrad>(
        "PerigeeAttentionBagGrad",
        {"dy: float", "pooled: float", "attention: float", "totals: float", "table: float", "items: int32",
         "bags: int32", "ages: float", "positions: float"},
        {"by_table: float", "by_gates: float", "by_position: float", "by_age: float"});
  if (message.empty())
    message = define<softmaxCrossEntropy>(
        "PerigeeSoftmaxCrossEntropy",
        {"logits: float", "bias: float", "targets: int32", "target_weights: float", "target_ends: int32",
         "excluded: int32", "excluded_starts: int32", "excluded_ends: int32"},
        {"loss: float", "by_logits: float", "by_bias: float"});
  if (message.empty())
    message = define<adamW>("PerigeeAdamW",
                            {"value: float", "gradient: float", "mean: float", "variance: float", "rates: float"},
                            {"changed: float"});
  if (message.empty())
    message = define<adamWRows>("PerigeeAdamWRows",
                                {"value: float", "gradient: float", "mean: float", "variance: float", "last: float",
                                 "rows: int32", "rates: float"},
                                {"changed: float"});
  if (message.empty())
    message = define<settleRows>("PerigeeSettleRows",
                                 {"value: float", "mean: float", "variance: float", "last: float", "rows: int32",
                                  "factors: float", "present: float"},
                                 {"changed: float"});
  if (message.empty()) message = defineLayers();
  return message;
}

napi_value initialise(napi_env env, napi_value exports) {
  static const std::string message = defineAll();
  if (!message.empty()) napi_throw_error(env, nullptr, message.c_str());
  return exports;
}

}  // namespace

NAPI_MODULE(perigee_kernels, initialise)
