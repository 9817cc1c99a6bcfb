/** Writes parts one after another, and where each begins and the last ends. */
export function concatenate(parts: readonly Uint8Array[], offsets: Uint32Array, out: Uint8Array): void {
  let at = 0;
  for (const [i, part] of parts.entries()) {
    offsets[i] = at;
    out.set(part, at);
    at += part.length;
  }
  offsets[parts.length] = at;
}
