import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  ModelProtoSchema,
  type NodeProtoSchema,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from 'onnx-buf';

/**
 * Versions that the graphs here are written against: the first with RMSNormalization. onnxruntime ≥ 1.22 reads them.
 * https://github.com/onnx/onnx/blob/main/docs/Versioning.md
 */
const opset = 23n;
const irVersion = 11n;

export type ElementType = 'float32' | 'int64' | 'int32' | 'bool';

const dataTypes: Readonly<Record<ElementType, DataType>> = {
  float32: DataType.FLOAT,
  int64: DataType.INT64,
  int32: DataType.INT32,
  bool: DataType.BOOL,
};

export const dataType = (type: ElementType): number => dataTypes[type];

/** A size known now, or the name of one that each request sets: `[1, 'L', 64]`. */
export type Dimensions = readonly (number | string)[];

/** A tensor that the graph computes, is given, or holds. Belongs to one graph. */
export interface Value {
  readonly graph: Graph;
  readonly name: string;
}

/** INT, INTS, STRING; `{ float }` is FLOAT, which JavaScript's numbers cannot tell from INT. */
export type Attribute = number | readonly number[] | string | { readonly float: number };

/** An ONNX model in the making. Values are computed by the functions of operators.ts. */
export interface Graph {
  input(name: string, shape: Dimensions, type?: ElementType): Value;
  /** A trained parameter, row-major; its name appears in viewers such as Netron. */
  weights(name: string, values: Float32Array, shape: readonly number[]): Value;
  /** A small constant: a float scalar, or a list of int64. Equal ones are stored once. */
  scalar(value: number): Value;
  integers(values: readonly number[]): Value;
  /** Appends an operator; an undefined input is an optional one left out. `outputs` is how many it yields. */
  node(
    operator: string,
    inputs: readonly (Value | undefined)[],
    attributes?: Readonly<Record<string, Attribute>>,
    outputs?: number,
  ): readonly Value[];
  output(name: string, value: Value, shape: Dimensions, type?: ElementType): void;
  /** The model file: a ModelProto. Equal graphs yield equal bytes. */
  encode(): Uint8Array<ArrayBuffer>;
}

/**
 * Starts an empty graph.
 *
 *     const g = graph('encoder');
 *     const rows = g.input('rows', [1, 'L', 64]);
 *     g.output('query', ReduceMean(rows, [1]), [1, 64]);
 *     const file = g.encode();
 */
export function graph(name: string): Graph {
  const inputs: MessageInitShape<typeof ValueInfoProtoSchema>[] = [];
  const outputs: MessageInitShape<typeof ValueInfoProtoSchema>[] = [];
  const constants = new Map<string, MessageInitShape<typeof TensorProtoSchema>>();
  const nodes: MessageInitShape<typeof NodeProtoSchema>[] = [];
  const taken = new Set<string>();

  const claim = (wanted: string): Value => {
    if (taken.has(wanted)) throw new TypeError(`onnx: ${name} has two values named '${wanted}'`);
    taken.add(wanted);
    return { graph: self, name: wanted };
  };
  const numbered = (operator: string): Value => {
    for (let i = 1; ; i++) if (!taken.has(`${operator}.${i}`)) return claim(`${operator}.${i}`);
  };
  const own = (value: Value | undefined): string => {
    if (value !== undefined && value.graph !== self) {
      throw new TypeError(`onnx: '${value.name}' belongs to another graph than ${name}`);
    }
    return value?.name ?? '';
  };
  const constant = (key: string, type: ElementType, shape: readonly number[], data: Uint8Array): Value => {
    const known = constants.has(key);
    constants.set(key, {
      name: key,
      dims: shape.map(BigInt),
      dataType: dataTypes[type],
      rawData: data.slice(),
    });
    return known ? { graph: self, name: key } : claim(key);
  };

  const self: Graph = {
    input(inputName, shape, type = 'float32') {
      inputs.push(valueInfo(inputName, shape, type));
      return claim(inputName);
    },
    weights(weightsName, values, shape) {
      const expected = shape.reduce((product, size) => product * size, 1);
      if (expected !== values.length) {
        throw new TypeError(
          `onnx: '${weightsName}' of shape [${shape}] takes ${expected} values, found ${values.length}`,
        );
      }
      if (taken.has(weightsName)) throw new TypeError(`onnx: ${name} has two values named '${weightsName}'`);
      return constant(weightsName, 'float32', shape, bytesOf(values));
    },
    scalar: (value) => constant(`${value}`, 'float32', [], bytesOf(Float32Array.of(value))),
    integers: (values) =>
      constant(
        `[${values}]`,
        'int64',
        [values.length],
        bytesOf(BigInt64Array.from(values, (value) => BigInt(value))),
      ),
    node(operator, nodeInputs, attributes = {}, count = 1) {
      const results = Array.from({ length: count }, () => numbered(operator));
      nodes.push({
        name: results[0]!.name,
        opType: operator,
        input: nodeInputs.map(own),
        output: results.map((result) => result.name),
        attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
      });
      return results;
    },
    output(outputName, value, shape, type = 'float32') {
      claim(outputName);
      outputs.push(valueInfo(outputName, shape, type));
      nodes.push({ name: outputName, opType: 'Identity', input: [own(value)], output: [outputName] });
    },
    encode: () =>
      toBinary(
        ModelProtoSchema,
        create(ModelProtoSchema, {
          irVersion,
          producerName: 'perigee',
          opsetImport: [{ domain: '', version: opset }],
          graph: { name, node: nodes, input: inputs, output: outputs, initializer: [...constants.values()] },
        }),
      ),
  };
  return self;
}

const bytesOf = (data: ArrayBufferView): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

function attribute(name: string, value: Attribute): MessageInitShape<typeof AttributeProtoSchema> {
  if (typeof value === 'number') return { name, type: AttributeType.INT, i: BigInt(value) };
  if (typeof value === 'string')
    return { name, type: AttributeType.STRING, s: new Uint8Array(Buffer.from(value)) };
  if ('float' in value) return { name, type: AttributeType.FLOAT, f: value.float };
  return { name, type: AttributeType.INTS, ints: value.map(BigInt) };
}

const valueInfo = (
  name: string,
  shape: Dimensions,
  type: ElementType,
): MessageInitShape<typeof ValueInfoProtoSchema> => ({
  name,
  type: {
    value: {
      case: 'tensorType',
      value: {
        elemType: dataTypes[type],
        shape: {
          dim: shape.map((size) =>
            typeof size === 'number'
              ? { value: { case: 'dimValue', value: BigInt(size) } }
              : { value: { case: 'dimParam', value: size } },
          ),
        },
      },
    },
  },
});
