/** What a file system's refusals mean for whoever runs this. */

export const hasCode = (error: unknown, ...codes: string[]): boolean =>
  codes.includes((error as NodeJS.ErrnoException).code ?? '');

/** Nothing is there. */
export const isAbsence = (error: unknown): boolean => hasCode(error, 'ENOENT', 'ENOTDIR');

/** One clause. */
export function explain(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'no space left on the disk';
    case 'EISDIR':
    case 'ENOTDIR':
    case 'ENOTEMPTY':
    case 'EEXIST':
      return 'another key has it as its folder, or it has another key as its folder';
    case 'ELOOP':
      return 'it is a symbolic link, which is refused';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `not permitted (${code})`;
    default:
      return message;
  }
}
