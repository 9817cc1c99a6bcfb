import { type Database, literal } from './duckdb.ts';

/** A part of a condition that every row must meet, and the columns that it reads. */
export interface Conjunct {
  readonly sql: string;
  readonly columns: readonly string[];
}

/** DuckDB's syntax tree of a SELECT, as SQL that yields JSON. It stays there: its integers have 64 bits. */
const treeOf = (select: string): string => `json_serialize_sql(${literal(select)})->'statements'->0->'node'`;

/** The JSON of `SELECT <expression>`, around the JSON of the expression. */
const selectAround = (expression: string): string =>
  `{"error":false,"statements":[{"node":{"type":"SELECT_NODE","modifiers":[],"cte_map":{"map":[]},"select_list":[${expression}],"from_table":{"type":"EMPTY","alias":"","sample":null,"query_location":0},"where_clause":null,"group_expressions":[],"group_sets":[],"aggregate_handling":"STANDARD_HANDLING","having":null,"sample":null,"qualify":null},"named_param_map":[]}]}`;

/** Takes a condition apart at its outermost ANDs. */
export async function conjunctsOf(database: Database, condition: string): Promise<Conjunct[]> {
  const parts = await database.rows(`
    WITH condition AS (SELECT ${treeOf(`SELECT 1 WHERE ${condition}`)}->'where_clause' AS tree)
    SELECT unnest(
      CASE WHEN tree->>'type' = 'CONJUNCTION_AND' THEN CAST(tree->'children' AS JSON[]) ELSE [tree] END
    ) AS tree FROM condition`);
  const conjuncts: Conjunct[] = [];
  for (const part of parts) {
    const tree = String(part['tree']);
    const { sql } = await database.row(`SELECT json_deserialize_sql(${literal(selectAround(tree))}) AS sql`);
    conjuncts.push({ sql: String(sql).replace(/^SELECT /, ''), columns: [...columnsIn(JSON.parse(tree))] });
  }
  return conjuncts;
}

/** The columns that an expression reads, as it writes them. */
export async function columnsOf(database: Database, expression: string): Promise<string[]> {
  const { tree } = await database.row(`SELECT ${treeOf(`SELECT ${expression}`)}->'select_list' AS tree`);
  return [...columnsIn(JSON.parse(String(tree)))];
}

function columnsIn(node: unknown, found = new Set<string>()): Set<string> {
  if (node === null || typeof node !== 'object') return found;
  if ('column_names' in node && Array.isArray(node.column_names)) found.add(String(node.column_names.at(-1)));
  else for (const child of Object.values(node)) columnsIn(child, found);
  return found;
}
