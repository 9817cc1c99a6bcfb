/** A package of npm's registry, and the hash that its archive must have. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** Subresource integrity, as in a lock file. */
  readonly integrity: string;
}

/** The devices that TensorFlow's libraries are installed for. */
export type VariantName = 'gpu' | 'native';

/**
 * What an installation is made of, exactly. The binding's C++ is that of tfjs-node 4.22.0, unmodified; TensorFlow's C API, which it
 * is written against, has stayed compatible since the 2.9 that tfjs-node itself downloads.
 */
export interface Variant {
  readonly name: VariantName;
  /** The command that installs it. */
  readonly command: string;
  /** The wheel on the Python package index. */
  readonly wheel: { readonly project: string; readonly version: string };
  /** The extra of the wheel whose requirements are installed beside it. */
  readonly extra?: string;
  readonly binding: NpmPackage;
  /** Disk that is needed while it is made, in bytes. */
  readonly bytes: number;
}

const version = '2.21.0';

export const variants: Readonly<Record<VariantName, Variant>> = {
  native: {
    name: 'native',
    command: 'npm run setup:native',
    wheel: { project: 'tensorflow-cpu', version },
    binding: {
      name: '@tensorflow/tfjs-node',
      version: '4.22.0',
      integrity:
        'sha512-uHrXeUlfgkMxTZqHkESSV7zSdKdV0LlsBeblqkuKU9nnfxB1pC6DtoyYVaLxznzZy7WQSegjcohxxCjAf6Dc7w==',
    },
    bytes: 1.3e9,
  },
  gpu: {
    name: 'gpu',
    command: 'npm run setup:gpu',
    wheel: { project: 'tensorflow', version },
    extra: 'and-cuda',
    binding: {
      name: '@tensorflow/tfjs-node-gpu',
      version: '4.22.0',
      integrity:
        'sha512-p//NN6DGiN4hInUmIkRffaFVMcdTREUMjPyjW04J7OXvB2zBlQimj61eFKSgRrH3f5TnOfKzb0n56he/B6a4bw==',
    },
    bytes: 7e9,
  },
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
