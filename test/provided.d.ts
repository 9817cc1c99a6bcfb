import 'vitest';

declare module 'vitest' {
  /** What test/provide-release.ts hands to tests inside workerd. */
  interface ProvidedContext {
    /** A store with one release and its channel, by key, in Base64. */
    readonly store: Readonly<Record<string, string>>;
    readonly releaseId: string;
  }
}
