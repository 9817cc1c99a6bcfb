import * as v from 'valibot';

/**
 * What is wrong with a setting that a person wrote, `path: message`; of a union, what is wrong within the alternative that
 * was meant says more than the union's own.
 * @param within where the parsed value stands
 */
export function mistakesOf(issue: v.BaseIssue<unknown>, within = ''): string[] {
  const path = [within, v.getDotPath(issue) ?? ''].filter((part) => part !== '').join('.');
  const inner = issue.issues?.filter((candidate) => candidate.path !== undefined) ?? [];
  if (inner.length > 0) return inner.flatMap((candidate) => mistakesOf(candidate, path));
  return [
    `${path === '' ? '(root)' : path}: ${issue.expected === 'never' ? 'there is no such setting' : issue.message}`,
  ];
}
