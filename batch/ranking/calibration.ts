/** p = 1 / (1 + exp(−(slope · logit + offset))). */
export interface Calibration {
  readonly slope: number;
  readonly offset: number;
}

const newtonSteps = 50;
const enough = 1e-10;

/**
 * Platt's scaling (1999), by Newton's method with his smoothed labels: the likeliest slope and offset for logits of rows that
 * were not trained on.
 * @param logits [rows]
 * @param labels [rows] 1 or 0
 */
export function plattScaling(logits: Float32Array, labels: Uint8Array): Calibration {
  const positives = labels.reduce((sum, label) => sum + label, 0);
  const high = (positives + 1) / (positives + 2);
  const low = 1 / (labels.length - positives + 2);
  let slope = 1;
  let offset = 0;
  for (let step = 0; step < newtonSteps; step++) {
    let [gradientSlope, gradientOffset] = [0, 0];
    let [slopeSlope, slopeOffset, offsetOffset] = [1e-12, 0, 1e-12];
    for (const [row, logit] of logits.entries()) {
      const p = sigmoid(slope * logit + offset);
      const error = p - (labels[row] === 1 ? high : low);
      const curvature = p * (1 - p);
      gradientSlope += error * logit;
      gradientOffset += error;
      slopeSlope += curvature * logit * logit;
      slopeOffset += curvature * logit;
      offsetOffset += curvature;
    }
    const determinant = slopeSlope * offsetOffset - slopeOffset ** 2;
    if (!(determinant > 0)) break;
    const byS = (offsetOffset * gradientSlope - slopeOffset * gradientOffset) / determinant;
    const byO = (slopeSlope * gradientOffset - slopeOffset * gradientSlope) / determinant;
    slope -= byS;
    offset -= byO;
    if (Math.abs(byS) + Math.abs(byO) < enough) break;
  }
  return { slope, offset };
}

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

export const calibrated = (logits: Float32Array, { slope, offset }: Calibration): Float32Array =>
  logits.map((logit) => sigmoid(slope * logit + offset));
