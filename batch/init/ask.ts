import { cancel, intro, isCancel, outro, select, text } from '@clack/prompts';
import { ConfigError } from '../../shared/errors.ts';

/** A conversation. Where nobody is there to answer, the guess stands. */
export interface Interview {
  open(title: string): void;
  /** @throws ConfigError where there is neither an answer nor a guess */
  text(question: string, guess?: string): Promise<string>;
  /** One of `choices`; undefined for none of them, which `needed` rules out. */
  choose(
    question: string,
    choices: readonly string[],
    guess: string | undefined,
    needed: boolean,
  ): Promise<string | undefined>;
  close(message: string): void;
}

/** Asks at a terminal; elsewhere takes every guess. */
export function askFor({
  stdin,
  stdout,
}: {
  readonly stdin: { readonly isTTY?: boolean };
  readonly stdout: { readonly isTTY?: boolean; write(text: string): unknown };
}): Interview {
  return stdin.isTTY === true && stdout.isTTY === true
    ? atTerminal
    : takingGuesses((line) => stdout.write(`${line}\n`));
}

function answered<T>(answer: T): Exclude<T, symbol> {
  if (!isCancel(answer)) return answer as Exclude<T, symbol>;
  cancel('Nothing was written.');
  throw new ConfigError('init was cancelled');
}

const atTerminal: Interview = {
  open: (title) => intro(title),
  close: (message) => outro(message),
  async text(question, guess) {
    const answer = await text({
      message: question,
      ...(guess === undefined
        ? { validate: (value: string | undefined) => (value ? undefined : 'Please name one.') }
        : { placeholder: guess, defaultValue: guess }),
    });
    return answered(answer);
  },
  async choose(question, choices, guess, needed) {
    const answer = await select<number>({
      message: question,
      options: [
        ...choices.map((choice, position) => ({ value: position, label: choice })),
        ...(needed ? [] : [{ value: -1, label: '(none)' }]),
      ],
      initialValue: guess === undefined ? (needed ? 0 : -1) : choices.indexOf(guess),
    });
    return choices[answered(answer)];
  },
};

const takingGuesses = (print: (line: string) => void): Interview => ({
  open: () => {},
  close: print,
  async text(question, guess) {
    if (guess !== undefined) return guess;
    throw new ConfigError(
      `${question} There is no terminal to ask at: give it as a flag, such as --events <file>.`,
    );
  },
  choose: async (_question, _choices, guess) => guess,
});
