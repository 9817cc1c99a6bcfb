/** What a package needs of another (PEP 508), as far as TensorFlow's wheels use it. */
export interface Requirement {
  readonly project: string;
  /** Whether a version is wanted. */
  accepts(version: string): boolean;
}

/** Requirements that a wheel's METADATA names for an extra: `Requires-Dist: name<13.0,>=12.5; extra == "and-cuda"`. */
export function requirementsOf(metadata: string, extra: string): Requirement[] {
  return metadata.split(/\r?\n/).flatMap((line) => {
    const match = /^Requires-Dist:\s*([\w.-]+)\s*\(?([^;)]*)\)?\s*;\s*extra\s*==\s*(["'])(.+)\3\s*$/.exec(
      line,
    );
    return match?.[4] === extra ? [{ project: match[1]!, accepts: specifier(match[2]!) }] : [];
  });
}

const operators: Readonly<Record<string, (order: number) => boolean>> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '==': (order) => order === 0,
  '!=': (order) => order !== 0,
  '>=': (order) => order >= 0,
  '>': (order) => order > 0,
};

/** `<13.0,>=12.5` as a test of final versions (PEP 440); what it can't read accepts nothing. */
function specifier(text: string): (version: string) => boolean {
  const clauses = text
    .split(',')
    .map((clause) => clause.trim())
    .filter((clause) => clause !== '')
    .map((clause) => /^(<=?|>=?|==|!=)\s*(\d+(?:\.\d+)*)$/.exec(clause));
  return (version) =>
    /^\d+(\.\d+)*$/.test(version) &&
    clauses.every(
      (clause) => clause !== null && operators[clause[1]!]!(compareVersions(version, clause[2]!)),
    );
}

/** Orders dotted numbers; what is missing counts as 0. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const order = (left[i] ?? 0) - (right[i] ?? 0);
    if (order !== 0) return order;
  }
  return 0;
}
