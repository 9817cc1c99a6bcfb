/**
 * Tests of tfjs-core that fail on tfjs-node by nature: its own runner leaves them out as well. Anything else that fails is an error of
 * ours or of the build.
 */
export interface Explanation {
  /** Matches `name: message` of the failed test. */
  readonly failure: RegExp;
  readonly why: string;
}

export const explanations: readonly Explanation[] = [
  {
    failure: /Kernel '\w+' not registered for backend 'tensorflow'/,
    why: 'tfjs-node has no kernel for the operation; no model of ours uses it',
  },
  {
    failure: /padding was (EXPLICIT|NUMBER)/,
    why: "TensorFlow's convolutions and pools pad 'valid' or 'same' only",
  },
  { failure: /dataFormat:'NCHW'/, why: "TensorFlow's convolutions on the CPU take NHWC only" },
  {
    failure: /attr 'T' of (bool|string|int32) is not in the list of allowed values/,
    why: 'TensorFlow defines the operation for fewer dtypes: Diag, LeakyRelu, IsNan, comparisons of strings',
  },
  {
    failure: /^scatterND .*Dimensions \[\d,\d\) of input/s,
    why: 'TensorFlow checks that indices are [n, 1], where tfjs takes [n]',
  },
  { failure: /^sign .*NaN/, why: 'TensorFlow: sign(NaN) = NaN; tfjs: 0' },
  { failure: /^unique .*NaN/, why: 'TensorFlow counts each NaN as a value of its own' },
  {
    failure: /^multinomial .* same data given the same seed/,
    why: "TensorFlow's generator goes on between calls; we draw random numbers in TypeScript",
  },
  { failure: /^einsum .*Expected function to throw/, why: 'TensorFlow can do what tfjs refuses' },
  {
    failure: /^avgPool3d .*output size would be negative/s,
    why: "TensorFlow refuses a 'valid' window larger than its input",
  },
  {
    failure: /^conv2dTranspose .*p=same vec4/,
    why: 'oneDNN has no such convolution: the shapes of the test contradict its padding',
  },
  { failure: /^tan .*float32 precision/, why: 'the last bit of tan(1.57…) in float32' },
];

/** What explains a failure, by its place in the list. */
export const explanationOf = (name: string, message: string): Explanation | undefined =>
  explanations.find(({ failure }) => failure.test(`${name}: ${message}`));
