import * as v from 'valibot';
import { describe, expect, it, vi } from 'vitest';
import { openArtifact } from '../../batch/export/artifact-scorer.ts';
import { publishable } from '../../batch/export/publishable.ts';
import { createApp } from '../../edge/app.ts';
import type { Release, Serving } from '../../edge/release.ts';
import { type RecommendationRequest, RecommendationResponse } from '../../shared/api.ts';
import { carriers } from '../../shared/evidence.ts';
import type { History } from '../../shared/history.ts';
import { placedRelease } from '../fixtures/placed.ts';
import { type FixtureOptions, type FixtureRelease, fixtureRelease } from '../fixtures/release.ts';

const always = (release: Release): Serving => ({
  use: async (_waitUntil, work) =>
    work(release, { activatedAt: '2026-01-01T00:00:00.000Z', lastFailure: undefined }),
});

type Asked = v.InferInput<typeof RecommendationRequest>;

async function open(options: FixtureOptions, change: (release: Release) => Release = (release) => release) {
  const fixture = await fixtureRelease({ items: 600, ...options });
  const release = change(await placedRelease(fixture));
  const app = createApp({ serving: always(release), corsOrigins: [], cacheSeconds: 30 });
  const ask = async (body: Asked, headers: Record<string, string> = {}) => {
    const response = await app.request('/v1/recommendations', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(200);
    return {
      answer: v.parse(RecommendationResponse, await response.json()),
      timing: response.headers.get('server-timing'),
    };
  };
  return { fixture, ask };
}

const eventsOf = ({ dataset }: FixtureRelease, { items, times, weights }: History): Asked['history'] =>
  Array.from(items, (item, i) => ({
    itemId: dataset.itemIds[item]!,
    kind: weights[i] === 1 ? 'purchase' : 'view',
    time: times[i]!,
  }));

describe('explain', () => {
  it.each([
    { kind: 'embedding', bias: true, ownHistoryTable: true, dimensions: 20 },
    { kind: 'neighbours' },
  ] as const)('names what the batch side names, of kind $kind', async (options) => {
    const { fixture, ask } = await open(options);
    await using scorer = await openArtifact(publishable(fixture.artifact).artifact, fixture.popularity);
    const indexOf = new Map(fixture.dataset.itemIds.map((itemId, index) => [itemId, index]));
    let compared = 0;
    for (const history of fixture.histories.slice(0, 8)) {
      const { answer, timing } = await ask({ history: eventsOf(fixture, history), explain: true, limit: 12 });
      expect(timing).toMatch(/retrieve;dur=[^,]+, explain;dur=[^,]+, respond/);
      const ranked = answer.items.filter(({ source }) => source === 'model');
      if (ranked.length === 0) continue;
      const items = Int32Array.from(ranked, ({ itemId }) => indexOf.get(itemId)!);
      const evidence = (await scorer.explain(history, items))!;
      expect(answer.explained).toEqual({
        method: options.kind === 'embedding' ? 'leave-one-out' : 'exact',
        examined: evidence.items.length,
        different: new Set(history.items).size,
        language: 'en',
      });
      for (const [place, { reasons }] of ranked.entries()) {
        const expected = carriers(evidence, place);
        expect(reasons?.map((reason) => reason.kind === 'item' && reason.itemId)).toEqual(
          expected.map(({ item }) => fixture.dataset.itemIds[item]),
        );
        for (const [i, reason] of reasons!.entries())
          expect(reason.kind === 'item' && reason.share).toBeCloseTo(expected[i]!.share, 3);
        compared += reasons!.length;
      }
    }
    expect(compared).toBeGreaterThan(60);
  });

  it('says so of what popularity fills up with, and in sentences', async () => {
    const { fixture, ask } = await open({ kind: 'neighbours' });
    const history = [{ itemId: 'item-0000001' }];
    const { answer } = await ask({ history, explain: true, limit: 100 });
    const byModel = answer.items.filter(({ source }) => source === 'model');
    const filled = answer.items.filter(({ source }) => source === 'popularity');
    expect(byModel.length).toBeGreaterThan(0);
    const { title } = fixture.dataset.attributes[1]!;
    for (const item of byModel.filter(({ score }) => score > 0)) {
      expect(item.reasons).toEqual([{ kind: 'item', itemId: 'item-0000001', share: 1 }]);
      expect(item.sentence).toBe(`Because you liked ${title}`);
    }
    for (const item of byModel.filter(({ score }) => score < 0)) {
      expect(item).toMatchObject({ reasons: [], sentence: 'Recommended for you' });
    }
    for (const item of filled) {
      expect(item).toMatchObject({ reasons: [{ kind: 'popular' }], sentence: 'Popular with everyone' });
    }
    expect(filled.length).toBeGreaterThan(0);
  });

  it.each([{ kind: 'none' }, { kind: 'embedding' }] as const)(
    'gives popularity as the reason where it answers alone, of kind $kind',
    async ({ kind }) => {
      const { ask } = await open({ kind });
      const history = kind === 'none' ? [{ itemId: 'item-0000001' }] : [];
      const { answer } = await ask({ history, explain: true, locale: 'de-CH', limit: 5 });
      expect(answer.explained).toEqual({ method: 'popularity', examined: 0, different: 0, language: 'de' });
      for (const item of answer.items)
        expect(item).toMatchObject({ reasons: [{ kind: 'popular' }], sentence: 'Bei allen beliebt' });
    },
  );

  it('speaks the language of the request, and else of its header', async () => {
    const { ask } = await open({});
    const history = [{ itemId: 'item-0000001' }, { itemId: 'item-0000002' }];
    const german = { 'accept-language': 'de-DE,de;q=0.9,en;q=0.5' };
    const language = async (body: Asked, headers?: Record<string, string>) =>
      (await ask({ history, explain: true, ...body }, headers)).answer.explained?.language;
    expect(await language({})).toBe('en');
    expect(await language({}, german)).toBe('de');
    expect(await language({ locale: 'en-GB' }, german)).toBe('en');
  });

  it('examines as many items as the release says, and speaks of people where histories hold people', async () => {
    const { fixture, ask } = await open({}, (release) => ({
      ...release,
      manifest: { ...release.manifest, explain: { evidence: 'friends', examine: 3 } },
    }));
    const history = eventsOf(fixture, fixture.histories[4]!);
    const { answer } = await ask({ history, explain: true, limit: 5 });
    expect(answer.explained).toMatchObject({
      examined: 3,
      different: new Set(fixture.histories[4]!.items).size,
    });
    const newest = new Set(history!.slice(-3).map(({ itemId }) => itemId));
    const named = answer.items.flatMap(({ reasons = [] }) => reasons);
    expect(named.length).toBeGreaterThan(0);
    expect(named.every((reason) => reason.kind === 'item' && newest.has(reason.itemId))).toBe(true);
    expect(answer.items.some(({ sentence }) => sentence?.startsWith('You both know '))).toBe(true);
  });

  it('explains what a ranker ordered, and what came with a bid, by the model that retrieves', async () => {
    const { fixture, ask } = await open({ ranker: {} });
    const history = eventsOf(fixture, fixture.histories[3]!);
    const retrieved = (await ask({ history, limit: 500, explain: true })).answer.items;
    const reasonsOf = new Map(retrieved.map(({ itemId, reasons }) => [itemId, reasons]));
    const best = new Set((await ask({ history, limit: 200 })).answer.items.map(({ itemId }) => itemId));
    const { itemId } = retrieved.find((item) => !best.has(item.itemId))!;
    const { answer, timing } = await ask({
      history,
      bids: [{ itemId, bid: 2 }],
      limit: 8,
      rankBy: 'expectedValue',
      explain: true,
    });
    expect(timing).toMatch(/rank;dur=[^,]+, explain;dur=/);
    expect(answer.items[0]).toMatchObject({ itemId, source: 'bid' });
    expect(answer.explained?.method).toBe('leave-one-out');
    for (const item of answer.items) expect(item.reasons).toEqual(reasonsOf.get(item.itemId));
  });

  it('gives no reasons unasked, and the same items either way', async () => {
    const { fixture, ask } = await open({});
    const history = eventsOf(fixture, fixture.histories[3]!);
    const { answer: plain } = await ask({ history });
    const { answer: explained } = await ask({ history, explain: true });
    expect(plain.explained).toBeUndefined();
    expect(plain.items.some((item) => 'reasons' in item || 'sentence' in item)).toBe(false);
    expect(explained.items.map(({ reasons, sentence, ...item }) => item)).toEqual(plain.items);
  });

  it('explains as many items as a request can ask for', async () => {
    const { fixture, ask } = await open({});
    const { answer } = await ask({
      history: eventsOf(fixture, fixture.histories[2]!),
      explain: true,
      limit: 500,
    });
    expect(answer.items).toHaveLength(500);
    expect(answer.items.every(({ reasons, sentence }) => reasons && sentence)).toBe(true);
  });

  it('answers without reasons, and declares it, when the encoder fails on the way', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    let runs = 0;
    const { fixture, ask } = await open({}, (release) => ({
      ...release,
      encoder: {
        ...release.encoder!,
        run: (feeds) => (runs++ < 2 ? release.encoder!.run(feeds) : Promise.reject(new Error('spoilt'))),
      },
    }));
    const history = eventsOf(fixture, fixture.histories[2]!);
    const { answer } = await ask({ history, explain: true, limit: 5 });
    expect(answer.items.map(({ source }) => source)).toEqual(Array(5).fill('model'));
    expect(answer.items.some(({ reasons }) => reasons)).toBe(false);
    expect(answer.degraded).toEqual([{ stage: 'explain', fallback: 'none', reason: 'the encoder failed' }]);
    vi.restoreAllMocks();
  });
});
