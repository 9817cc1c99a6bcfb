import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type GraphProto,
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
  const graph = model.graph;
  const input = graph?.input.find(({ name }) => name === 'rows');
  const output = graph?.output.find(({ name }) => name === 'query');
  if (graph === undefined || output === undefined) {
    throw new ReleaseError("onnx: expected the encoder to have an output 'query', found none");
  }
  if (input !== undefined && rows.from !== rows.to) cut(graph, input, rows);
  if (query.from !== query.to) padQuery(graph, output, query);
  return toBinary(ModelProtoSchema, model);
}

/**
 * Wraps a ranker, made for a table of `from` dimensions, so that it serves one padded to `to`: `candidates` and `rows` are cut.
 * @throws ReleaseError when the model has no graph
 */
export function padRanker(onnx: Uint8Array, table: Padding): Uint8Array {
  if (table.from === table.to) return onnx;
  const model = fromBinary(ModelProtoSchema, onnx);
  const graph = model.graph;
  if (graph === undefined) throw new ReleaseError('onnx: expected the ranker to have a graph, found none');
  for (const input of graph.input) {
    if (input.name === 'candidates' || input.name === 'rows') cut(graph, input, table);
  }
  return toBinary(ModelProtoSchema, model);
}

/** Cuts an input's last axis on the way in. */
function cut(graph: GraphProto, input: ValueInfoProto, { from, to }: Padding): void {
  const { name } = input;
  const unpadded = `${name}.unpadded`;
  for (const node of graph.node) {
    node.input = node.input.map((used) => (used === name ? unpadded : used));
  }
  graph.node.unshift(node('Slice', [name, `${name}.begin`, `${name}.end`, `${name}.axis`], unpadded));
  graph.initializer.push(
    integers(`${name}.begin`, [0]),
    integers(`${name}.end`, [from]),
    integers(`${name}.axis`, [-1]),
  );
  setLastSize(input, to);
}

function padQuery(graph: GraphProto, output: ValueInfoProto, { from, to }: Padding): void {
  for (const node of graph.node) {
    node.output = node.output.map((name) => (name === 'query' ? 'query.unpadded' : name));
  }
  graph.node.push(node('Pad', ['query.unpadded', 'query.widths'], 'query'));
  graph.initializer.push(integers('query.widths', [0, 0, 0, to - from]));
  setLastSize(output, to);
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
