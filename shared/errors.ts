/**
 * What can go wrong, by whose contract was broken. Each message says what was expected and what was found;
 * `cause` carries the error beneath. A refusal by the gate is a value, not an error.
 */
abstract class PerigeeError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The configuration, a command-line argument or an environment variable does not say what it must. */
export class ConfigError extends PerigeeError {}
/** Events or item attributes that cannot be read, or that fail a quality threshold. */
export class DataError extends PerigeeError {}
/** A model that cannot be fitted as asked: diverged, degenerate data, options that do not go together. */
export class FitError extends PerigeeError {}
/** A TensorFlow backend that cannot be had: not set up, a machine it does not support, a download that failed. */
export class BackendError extends PerigeeError {}
/** A release that is incomplete, altered, not understood, or does not reproduce its golden requests. */
export class ReleaseError extends PerigeeError {}
/** Object storage that refused, failed, or lost a conditional write. */
export class StoreError extends PerigeeError {}

export { PerigeeError };
