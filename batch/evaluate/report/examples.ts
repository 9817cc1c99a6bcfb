import type { Carrier } from '../../../shared/evidence.ts';
import type { Dataset } from '../../data/dataset.ts';
import type { Example } from '../evaluation.ts';
import { counted, percent, shortened } from './format.ts';
import { type Html, html } from './html.ts';
import type { Findings } from './input.ts';

const placesShown = 5;
const historyShown = 6;
const longestTitle = 120;
const reasonsShown = 2;
const longestReason = 48;

/** What the figures look like: a few users, what they had, what they would be shown, what they did next. */
export function examplesSection({ input, winner, charted }: Findings): Html {
  const { examples: reasons } = input.explanations;
  const popularity = charted.find(({ model }) => model.name === 'popularity' && model !== winner)?.model;
  return html`<section id="examples" aria-labelledby="examples-title">
    <h2 id="examples-title">Examples</h2>
    <p class="lead">Test users drawn by chance, not by success. <span class="hit">Marked</span> items are what the user
      went on to choose.${reasons.size > 0 && html` Below each item: what of the history carried it, with its share.`}
      ${faithfulnessNote(input.explanations)}</p>
    <div class="examples">${winner.test.examples.map((example, at) => {
      const popular = popularity?.test.examples.find(({ query }) => query === example.query);
      const own = reasons.get(example.query) ?? [];
      return exampleCard(example, popular, at, { dataset: input.dataset, name: winner.name, reasons: own });
    })}</div></section>`;
}

interface Context {
  readonly dataset: Dataset;
  readonly name: string;
  /** [places] what carried each item of the model's list. */
  readonly reasons: Reasons;
}

type Reasons = readonly (readonly Carrier[])[];

/** Whether reasons are true: what taking them away does. */
function faithfulnessNote({ faithfulness }: Findings['input']['explanations']): Html | undefined {
  if (faithfulness === undefined) return undefined;
  const { removed, factor, queries } = faithfulness;
  const times = Number.isFinite(factor.value)
    ? `lowers its score ${factor.value.toFixed(1)} times as much as taking out ${removed} others`
    : `lowers its score, taking out ${removed} others does not`;
  const users = counted(queries, 'user');
  return html`Taking the ${removed} items that carry a recommendation most out of the history ${times} (${users}).`;
}

function exampleCard(example: Example, popular: Example | undefined, at: number, context: Context): Html {
  const targets = new Set(example.targets);
  const list = (items: readonly number[], reasons: Reasons = []): Html =>
    html`<ol>${items
      .slice(0, placesShown)
      .map((item, place) => itemLine(item, targets, reasons[place] ?? [], context.dataset))}</ol>`;
  return html`<article class="example"><h3>User ${at + 1}</h3>
    <div class="columns">
      <div><h4>History, newest first</h4>${historyList(example, context)}</div>
      <div><h4>${context.name}</h4>${list(example.ranked, context.reasons)}</div>
      ${popular !== undefined && html`<div><h4>popularity</h4>${list(popular.ranked)}</div>`}
    </div>
    <p class="note">${chosenNext(example, context)}</p></article>`;
}

function historyList({ history }: Example, { dataset }: Context): Html {
  const newestFirst = [...new Set(history.toReversed())].slice(0, historyShown);
  return html`<ul>${newestFirst.map((item) => html`<li>${titleOf(item, dataset)}</li>`)}</ul>`;
}

/** What was recommended comes first. */
function chosenNext({ targets, ranked }: Example, { dataset }: Context): Html {
  const places = (item: number): number => (ranked.includes(item) ? 0 : 1);
  const shown = targets
    .toSorted((a, b) => places(a) - places(b))
    .slice(0, 3)
    .map((item, at) => html`${at > 0 && ', '}${titleOf(item, dataset)}`);
  const more = targets.length - shown.length;
  return html`Chose next: ${shown}${more > 0 && ` and ${counted(more, 'more item')}`}.`;
}

function itemLine(
  item: number,
  targets: ReadonlySet<number>,
  reasons: readonly Carrier[],
  dataset: Dataset,
): Html {
  const why =
    reasons.length > 0 &&
    html`<span class="why"><span class="visually-hidden">because of </span>${reasons
      .slice(0, reasonsShown)
      .map(
        ({ item: carrier, share }, at) =>
          html`${at > 0 && ', '}${titleOf(carrier, dataset, longestReason)} ${percent(share, 0)}`,
      )}</span>`;
  return targets.has(item)
    ? html`<li class="hit">${titleOf(item, dataset)} <span class="visually-hidden">(chosen next)</span>${why}</li>`
    : html`<li>${titleOf(item, dataset)}${why}</li>`;
}

/** Isolated, so that a title in a right-to-left script or with stray controls disturbs nothing around it. */
const titleOf = (item: number, dataset: Dataset, longest = longestTitle): Html =>
  html`<bdi>${shortened(dataset.attributes[item]?.title || dataset.itemIds[item]!, longest)}</bdi>`;
