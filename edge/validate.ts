import * as v from 'valibot';
import { invalid } from './problems.ts';

/** @throws HttpProblem 422 with the place and the reason of everything that is wrong */
export function validate<const S extends v.GenericSchema>(schema: S, value: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  throw invalid(result.issues.map((issue) => ({ path: v.getDotPath(issue) ?? '', message: issue.message })));
}

/**
 * Validates a query string. Text that reads as a number, a boolean or JSON becomes that where the schema wants it.
 * @throws HttpProblem 422; also for a parameter that is given twice
 */
export function validateQuery<const S extends v.ObjectSchema<v.ObjectEntries, undefined>>(
  schema: S,
  parameters: Readonly<Record<string, readonly string[]>>,
): v.InferOutput<S> {
  const values: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(schema.entries)) {
    const texts = parameters[name];
    if (texts === undefined) continue;
    if (texts.length > 1)
      throw invalid([{ path: name, message: `expected one value, found ${texts.length}` }]);
    values[name] = fromText(texts[0]!, entry);
  }
  return validate(schema, values);
}

function fromText(text: string, schema: v.GenericSchema | v.ObjectEntries[string]): unknown {
  const { type } = 'wrapped' in schema ? schema.wrapped : schema;
  if (type === 'number' && /^-?\d{1,15}(\.\d{1,15})?$/.test(text)) return Number(text);
  if (type === 'record') return parsed(text);
  if (type === 'boolean' && /^(true|false)$/.test(text)) return text === 'true';
  return text;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
