/**
 * The different rows of a table that these lists name, ascending; in the lists each row's number gives way to its place among them.
 * @param size rows of the table
 */
export function toLocalRows(lists: readonly Int32Array[], size: number): Int32Array {
  const placeOf = new Int32Array(size);
  for (const list of lists) for (let i = 0; i < list.length; i++) placeOf[list[i]!] = 1;
  let count = 0;
  for (let row = 0; row < size; row++) count += placeOf[row]!;
  const rows = new Int32Array(count);
  for (let row = 0, place = 0; row < size; row++) {
    if (placeOf[row] === 0) continue;
    rows[place] = row;
    placeOf[row] = place++;
  }
  for (const list of lists) for (let i = 0; i < list.length; i++) list[i] = placeOf[list[i]!]!;
  return rows;
}
