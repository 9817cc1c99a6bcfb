import { type Copy, DockerfileParser, type From, type Instruction } from 'dockerfile-ast';

/** One instruction of a stage. */
export interface Step {
  readonly keyword: string;
  /** All that stands behind the keyword, on one line. */
  readonly text: string;
  /** Words without flags. */
  readonly words: readonly string[];
  readonly flags: ReadonlyMap<string, string>;
}

export interface Stage {
  readonly name: string;
  /** An image, or an earlier stage's name. */
  readonly from: string;
  readonly steps: readonly Step[];
}

/** Stages of a Dockerfile, in their order. */
export function parseDockerfile(text: string): Stage[] {
  const stages: { name: string; from: string; steps: Step[] }[] = [];
  for (const instruction of DockerfileParser.parse(text).getInstructions()) {
    const keyword = instruction.getKeyword();
    if (keyword === 'FROM') {
      const from = instruction as From;
      stages.push({
        name: from.getBuildStage() ?? `stage ${stages.length}`,
        from: from.getImage() ?? '',
        steps: [],
      });
    } else {
      stages.at(-1)?.steps.push(stepOf(instruction));
    }
  }
  return stages;
}

function stepOf(instruction: Instruction): Step {
  const flags = instruction.getKeyword() === 'COPY' ? (instruction as Copy).getFlags() : [];
  const text = (instruction.getArgumentsContent() ?? '').replaceAll(/\\\r?\n\s*/g, ' ');
  return {
    keyword: instruction.getKeyword(),
    text,
    words: text.split(/\s+/).filter((word) => !word.startsWith('--')),
    flags: new Map(flags.map((flag) => [flag.getName(), flag.getValue() ?? ''])),
  };
}

/** The stages that a target is made of: those it starts from and those it copies from, each before who needs it. */
export function stagesOf(stages: readonly Stage[], target: string): Stage[] {
  const stage = stages.find(({ name }) => name === target);
  if (stage === undefined)
    throw new RangeError(
      `expected a target of ${stages.map(({ name }) => name).join(', ')}, found ${target}`,
    );
  const needed = [stage.from, ...stage.steps.flatMap(({ flags }) => flags.get('from') ?? [])];
  const before = needed
    .filter((name) => stages.some((each) => each.name === name))
    .flatMap((name) => stagesOf(stages, name));
  return [...new Set([...before, stage])];
}
