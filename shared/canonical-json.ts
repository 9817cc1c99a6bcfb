/**
 * JSON with the keys of every object in code-unit order and no white space: equal values, equal bytes
 * (RFC 8785, for values that JSON.parse can yield).
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
