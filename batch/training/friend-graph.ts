import type { Dataset } from '../data/dataset.ts';
import { interactionMatrix, type SparseMatrix, transpose } from './sparse.ts';

/**
 * Who is a friend of whom, where users and items are the same people: [items, items], row i holds a 1 for each friend of
 * person i. What a person has with themselves is left out; people who are no users have an empty row.
 */
export function friendGraph(dataset: Dataset): SparseMatrix {
  const { indices, offsets, rows, columns } = interactionMatrix(dataset);
  const self = ownItems(dataset);
  const userOf = new Int32Array(columns).fill(-1);
  for (let user = 0; user < rows; user++) userOf[self[user]!] = user;
  const friends = new Int32Array(indices.length);
  const ends = new Uint32Array(columns + 1);
  let size = 0;
  for (let person = 0; person < columns; person++) {
    const user = person === 0 ? -1 : userOf[person]!;
    for (let at = offsets[user] ?? 0; user >= 0 && at < offsets[user + 1]!; at++) {
      if (indices[at] !== person) friends[size++] = indices[at]!;
    }
    ends[person + 1] = size;
  }
  return {
    ...{ rows: columns, columns, offsets: ends, indices: friends.slice(0, size) },
    values: new Float32Array(size).fill(1),
  };
}

/** [users] the item that the user is; 0 where there is none of that id. */
export function ownItems({ userIds, itemIds }: Pick<Dataset, 'userIds' | 'itemIds'>): Int32Array {
  const numbers = new Map(itemIds.map((itemId, item) => [itemId, item]));
  return Int32Array.from(userIds, (userId) => numbers.get(userId) ?? 0);
}

/** What speaks against the events being friendships, each told from both sides; undefined if nothing does. */
export function notFriendships(dataset: Dataset): string | undefined {
  const stranger = ownItems(dataset).indexOf(0);
  if (stranger >= 0) return `${expected}, found user '${dataset.userIds[stranger]}', who is no item`;
  const graph = friendGraph(dataset);
  if (graph.indices.length === 0) return `${expected}, found none`;
  const back = transpose(graph);
  for (let person = 0; person < graph.rows; person++) {
    const theirs = rowOf(graph, person);
    const told = new Set(rowOf(back, person));
    const other = theirs.find((friend) => !told.has(friend));
    if (other === undefined) continue;
    return `${expected}, found '${dataset.itemIds[person]}' → '${dataset.itemIds[other]}' and not the other way round`;
  }
  return undefined;
}

/** The friends of a person. */
export const rowOf = ({ offsets, indices }: SparseMatrix, person: number): Int32Array =>
  indices.subarray(offsets[person], offsets[person + 1]);

const expected = 'expected friendships, each told from both sides (userId → itemId, and the two exchanged)';
