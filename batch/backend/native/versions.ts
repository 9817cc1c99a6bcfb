/**
 * What the native backend is made of, exactly. The binding's C++ is that of tfjs-node 4.22.0, unmodified; TensorFlow's C API, which it
 * is written against, has stayed compatible since the 2.9 that tfjs-node itself downloads.
 */
export const tensorflow = { project: 'tensorflow-cpu', version: '2.21.0' } as const;

/** A package of npm's registry, and the hash that its archive must have. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** Subresource integrity, as in a lock file. */
  readonly integrity: string;
}

export const tfjsNode: NpmPackage = {
  name: '@tensorflow/tfjs-node',
  version: '4.22.0',
  integrity:
    'sha512-uHrXeUlfgkMxTZqHkESSV7zSdKdV0LlsBeblqkuKU9nnfxB1pC6DtoyYVaLxznzZy7WQSegjcohxxCjAf6Dc7w==',
};

/** Headers of Node's C interface: those of the running Node are not part of every installation. */
export const nodeApiHeaders: NpmPackage = {
  name: 'node-api-headers',
  version: '1.9.0',
  integrity:
    'sha512-2oNILP4jXwRB4ywnYKjVk1YyJ96n2D4EOVJO6S3oYZ5PtbJrw3Yt9TpAuX3nBLMuzn74rnfGQrv13pS9vC+YiA==',
};

/** The one dependency that the parts of tfjs-node which we load have beside tfjs itself. */
export const protobuf: NpmPackage = {
  name: 'google-protobuf',
  version: '3.21.4',
  integrity:
    'sha512-MnG7N936zcKTco4Jd2PX2U96Kf9PxygAPKBug+74LHzmHXmceN16MmRcdgZv+DGef/S9YvQAfRsNCn4cjf9yyQ==',
};
