/** An object as a listing shows it. */
export interface ListedObject {
  readonly key: string;
  readonly bytes: number;
  readonly lastModified: Date;
  /** Where a listing has it for nothing; a directory would have to read every file. */
  readonly etag?: string;
}

/** Metadata of a stored object. */
export interface StoredObject extends ListedObject {
  /** Opaque version, for conditional writes. Equal content may have an equal etag, never different content. */
  readonly etag: string;
}

/** Of a conditional write: only when nothing is there, or only when this version is. */
export type Condition = { readonly ifNoneMatch: '*' } | { readonly ifMatch: string };

/** Bytes `offset` … `offset + length − 1`, cut at the object's end: past it, the answer is empty. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * Object storage. Keys are `/`-separated, without empty, `.` or `..` segments (see {@link assertKey}); a key is never
 * also the folder of another (`a` beside `a/b`). A put is atomic: readers see the old object or the new one, whole.
 * Every method throws StoreError, with the store, the key and the cause.
 */
export interface Store {
  /** For messages: `directory .perigee/store`, `s3://bucket/prefix`. Never holds a secret. */
  readonly description: string;
  /** The object, or undefined when there is none. */
  get(
    key: string,
    range?: ByteRange,
  ): Promise<{ readonly body: Uint8Array; readonly etag: string } | undefined>;
  head(key: string): Promise<StoredObject | undefined>;
  /**
   * Writes; resolves to the new etag, or to undefined when the condition does not hold (somebody else was first). The signal ends it
   * before the object is there, with nothing of it left behind.
   */
  put(
    key: string,
    body: Uint8Array,
    condition?: Condition,
    signal?: AbortSignal,
  ): Promise<string | undefined>;
  /** Every object whose key starts with `prefix`, by the bytes of the keys, however many pages that takes. */
  list(prefix: string): AsyncIterable<ListedObject>;
  /** Deletes; an absent key is no error. */
  delete(key: string): Promise<void>;
}
