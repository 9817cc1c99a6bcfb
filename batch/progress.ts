import { stripVTControlCharacters, styleText } from 'node:util';

/** Shows a run to whoever watches: a line for each stage, what it does, how far it is, how long it took. */
export interface Reporter {
  /** Runs one stage under its name. `note` is what its line says at the end. */
  stage<T>(name: string, work: (stage: Stage) => Promise<T>): Promise<T>;
  line(text: string): void;
}

export interface Stage {
  progress(message: string, fraction: number): void;
  note(text: string): void;
}

const seconds = (since: number): string => `${((performance.now() - since) / 1_000).toFixed(1)} s`;

/** On a terminal the running stage's line is rewritten in place; elsewhere it is repeated every ten seconds. */
export function terminalReporter(stream: NodeJS.WriteStream): Reporter {
  const live = stream.isTTY === true;
  const cut = (text: string): string => (live ? text.slice(0, Math.max(20, stream.columns - 1)) : text);
  return {
    line: (text) => void stream.write(`${stream.isTTY ? text : stripVTControlCharacters(text)}\n`),
    async stage(name, work) {
      const started = performance.now();
      let shown = started;
      let note = '';
      const title = name.padEnd(16);
      if (live) stream.write(cut(`… ${title}`));
      const finish = (mark: string, text: string): void => {
        const line = `${mark} ${title} ${text.padEnd(66)} ${seconds(started).padStart(8)}`;
        stream.write(live ? `\r\x1b[2K${line}\n` : `${stripVTControlCharacters(line)}\n`);
      };
      try {
        const result = await work({
          note: (text) => {
            note = text;
          },
          progress(message, fraction) {
            const now = performance.now();
            if (now - shown < (live ? 100 : 10_000)) return;
            shown = now;
            const text = `… ${title} ${`${Math.round(fraction * 100)} %`.padStart(5)}  ${message}  ${seconds(started)}`;
            stream.write(live ? `\r\x1b[2K${cut(text)}` : `${text}\n`);
          },
        });
        finish(styleText('green', '✓', { stream }), note);
        return result;
      } catch (error) {
        finish(styleText('red', '✗', { stream }), 'failed');
        throw error;
      }
    },
  };
}
