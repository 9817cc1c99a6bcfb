import type { Explained, Reason } from '../shared/api.ts';
import { carriers, type Evidence, leaveOneOut, neighboursEvidence } from '../shared/evidence.ts';
import type { History } from '../shared/history.ts';
import { type Language, languageFor, popularSentence, sentenceFor } from '../shared/sentences.ts';
import { encode } from './encode.ts';
import type { Release } from './release.ts';
import type { Candidate } from './retrieve.ts';

/** Why items are recommended, by item index. */
export interface Explanation {
  readonly explained: Explained;
  readonly why: ReadonlyMap<number, Why>;
}

interface Why {
  readonly reasons: Reason[];
  readonly sentence: string;
}

/**
 * What carried each candidate: the history's items for what the model recommends, popularity for the rest. It is the model
 * that retrieves whose reasons these are, also where a ranker ordered the candidates. `query` is the history's.
 * @param accepted a language tag, or a header Accept-Language
 * @throws what {@link encode} throws
 */
export async function explain(
  release: Release,
  history: History,
  query: Float32Array | undefined,
  candidates: readonly Candidate[],
  accepted?: string,
): Promise<Explanation> {
  const language = languageFor(accepted);
  const byModel = candidates.filter(({ source }) => source !== 'popularity');
  const items = Int32Array.from(byModel, ({ item }) => item);
  const evidence = items.length > 0 ? await evidenceOf(release, history, query, items) : undefined;
  const why = new Map<number, Why>();
  for (const { item } of candidates) {
    why.set(item, { reasons: [{ kind: 'popular' }], sentence: popularSentence(language) });
  }
  if (evidence === undefined) {
    return { explained: { method: 'popularity', examined: 0, different: 0, language }, why };
  }
  for (const [place, item] of items.entries()) why.set(item, whyOf(release, evidence, place, language));
  const { method, different } = evidence;
  return { explained: { method, examined: evidence.items.length, different, language }, why };
}

async function evidenceOf(
  release: Release,
  history: History,
  query: Float32Array | undefined,
  items: Int32Array,
): Promise<Evidence | undefined> {
  const { artifact } = release.placed();
  switch (artifact.kind) {
    case 'embedding': {
      if (query === undefined) return undefined;
      const rows = release.kernel.gather(artifact.items, artifact.scratch, items);
      return leaveOneOut(
        history,
        { query, rows, encode: async (other) => (await encode(release, other))! },
        release.manifest.explain?.examine,
      );
    }
    case 'neighbours':
      return neighboursEvidence(artifact.neighbours, history, items);
    case 'none':
      return undefined;
    default:
      return artifact satisfies never;
  }
}

function whyOf(release: Release, evidence: Evidence, place: number, language: Language): Why {
  const { catalogue } = release.placed();
  const found = carriers(evidence, place);
  const names = found.map(({ item }) => catalogue.attributes(item)?.title ?? catalogue.itemId(item));
  return {
    reasons: found.map(({ item, share }) => ({
      kind: 'item',
      itemId: catalogue.itemId(item),
      share: Number(share.toFixed(4)),
    })),
    sentence: sentenceFor(language, release.manifest.explain?.evidence ?? 'items', names),
  };
}
