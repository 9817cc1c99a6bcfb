import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  type ValueInfoProto,
} from 'onnx-buf';
import { ReleaseError } from '../../../shared/errors.ts';

/** Size of a last axis before and after it was padded with zeros. */
export interface Padding {
  readonly from: number;
  readonly to: number;
}

/**
 * Wraps a query encoder, made for tables of `from` dimensions, so that it serves tables padded to `to`: its input `rows`
 * is cut on the way in, its output `query` padded on the way out. Where nothing changes, neither does the model.
 * @throws ReleaseError when the model has no output `query`
 */
export function padEncoder(onnx: Uint8Array, rows: Padding, query: Padding): Uint8Array {
  if (rows.from === rows.to && query.from === query.to) return onnx;
  const model = fromBinary(ModelProtoSchema, onnx);
  const output = model.graph?.output.find(({ name }) => name === 'query');
  if (model.graph === undefined || output === undefined) {
    throw new ReleaseError("onnx: expected the encoder to have an output 'query', found none");
  }
  const { node: nodes, initializer: constants, input: inputs } = model.graph;
  for (const node of nodes) {
    node.input = node.input.map((name) => (name === 'rows' ? 'rows.unpadded' : name));
    node.output = node.output.map((name) => (name === 'query' ? 'query.unpadded' : name));
  }
  constants.push(
    integers('pad.begin', [0]),
    integers('pad.end', [rows.from]),
    integers('pad.axis', [-1]),
    integers('pad.widths', [0, 0, 0, query.to - query.from]),
  );
  nodes.unshift(node('Slice', ['rows', 'pad.begin', 'pad.end', 'pad.axis'], 'rows.unpadded'));
  nodes.push(node('Pad', ['query.unpadded', 'pad.widths'], 'query'));
  setLastSize(output, query.to);
  const input = inputs.find(({ name }) => name === 'rows');
  if (input === undefined) nodes.shift();
  else setLastSize(input, rows.to);
  return toBinary(ModelProtoSchema, model);
}

const node = (opType: string, input: string[], output: string) =>
  create(NodeProtoSchema, { name: `pad.${output}`, opType, input, output: [output] });

const integers = (name: string, values: readonly number[]) =>
  create(TensorProtoSchema, {
    name,
    dims: [BigInt(values.length)],
    dataType: TensorProto_DataType.INT64,
    rawData: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
  });

function setLastSize(info: ValueInfoProto, size: number): void {
  const type = info.type?.value;
  const last = type?.case === 'tensorType' ? type.value.shape?.dim.at(-1) : undefined;
  if (last !== undefined) last.value = { case: 'dimValue', value: BigInt(size) };
}
