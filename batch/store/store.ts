/** Metadata of a stored object. */
export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
  /** Opaque version, for conditional writes. */
  readonly etag: string;
  readonly lastModified: Date;
}

/** Of a conditional write: only when nothing is there, or only when this version is. */
export type Condition = { readonly ifNoneMatch: '*' } | { readonly ifMatch: string };

/**
 * Object storage. Keys are `/`-separated, without empty, `.` or `..` segments. A put is atomic: readers see the old
 * object or the new one, whole. Every method throws StoreError, with the store, the key and the cause.
 */
export interface Store {
  /** For messages: `directory .perigee/store`, `s3://bucket/prefix`. Never holds a secret. */
  readonly description: string;
  /** The object, or undefined when there is none. `range` is in bytes. */
  get(
    key: string,
    range?: { readonly offset: number; readonly length: number },
  ): Promise<{ readonly body: Uint8Array; readonly etag: string } | undefined>;
  head(key: string): Promise<StoredObject | undefined>;
  /** Writes; resolves to the new etag, or to undefined when the condition does not hold (somebody else was first). */
  put(key: string, body: Uint8Array, condition?: Condition): Promise<string | undefined>;
  /** Every object whose key starts with `prefix`, in key order, however many pages that takes. */
  list(prefix: string): AsyncIterable<StoredObject>;
  /** Deletes; an absent key is no error. */
  delete(key: string): Promise<void>;
}
