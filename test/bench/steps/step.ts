/** A training step that can be taken again and again on the backend that is open. */
export interface BenchedStep extends Disposable {
  /** Examples of a step, on average. */
  readonly examples: number;
  /** Takes step `number`, from 0: input, loss, gradients, optimiser. Returns the loss. */
  take(number: number): number;
}
