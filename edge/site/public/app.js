/** @import { Answer, Item } from './api.js' */
/** @import { Entry } from './history.js' */
/** @import { HistoryEvent, RecommendationResponse, ReleaseResponse } from '../../../shared/api.ts' */
import * as api from './api.js';
import { announce, byId, el } from './dom.js';
import { curl, milliseconds } from './format.js';
import { showHistory, visitorHistory } from './history.js';
import { title } from './items.js';
import { readLink, writeLink } from './link.js';
import { panel } from './panel.js';
import { recommendationList, showNotes } from './recommendations.js';
import { showRelease } from './release.js';
import { markShared, showRows } from './rows.js';
import { searchBox } from './search.js';
import { shortcuts } from './shortcuts.js';
import { exampleHistory } from './surprise.js';
import { timings } from './timings.js';

const recommended = 12;
const beside = 10;
const similarItems = 6;

/** @type {ReleaseResponse | undefined} */
let release;
/** @type {RecommendationResponse | undefined} */
let answer;
/** @type {Item | undefined} What the visitor chose to see similar items of; else the newest of the history. */
let chosen;
let lastChange = '';

const popularList = byId('popular-list', HTMLOListElement);
const history = visitorHistory(historyChanged);
const actions = {
  add: (/** @type {Item} */ item) => history.add(item, selectedKind()),
  focus(/** @type {Item} */ item) {
    chosen = item;
    void refreshSimilar();
    byId('similar', HTMLElement).scrollIntoView({ block: 'nearest' });
  },
};

const kinds = () => Object.keys(release?.eventKinds ?? {});

/** What a click counts as; undefined lets the release decide. */
const selectedKind = () =>
  document.querySelector('input[name=kind]:checked')?.getAttribute('value') ?? undefined;

/** @param {string} message */
function historyChanged(message) {
  lastChange = message;
  writeLink(history.events);
  showHistory(history, kinds(), actions.focus);
  showCurl();
  void refreshRecommendations(history.events);
  void refreshSimilar();
}

const showCards = recommendationList(actions);
const showTimings = timings();
const refreshRecommendations = panel({
  content: byId('answer', HTMLElement),
  load: (/** @type {HistoryEvent[]} */ events, signal) =>
    api.recommend(api.recommendationRequest(events, recommended), signal),
  show(received) {
    answer = received.data;
    showCards(received);
    showNotes(answer);
    showTimings(received);
    showOverlap();
    announceAnswer(received);
    if (release !== undefined && answer.releaseId !== release.releaseId) void refreshRelease(undefined);
  },
});

/** @param {Answer<RecommendationResponse>} received */
function announceAnswer({ data: { items }, roundTripMs }) {
  const first = items[0] === undefined ? '' : ` First: ${title(items[0])}.`;
  announce(
    `${lastChange} ${items.length} recommendations in ${milliseconds(roundTripMs)} milliseconds.${first}`,
  );
}

function showOverlap() {
  if (answer === undefined) return;
  const known = new Set(history.entries.map(({ item }) => item.itemId));
  const shared = markShared(popularList, answer, known);
  const rows = popularList.childElementCount;
  byId('overlap', HTMLElement).textContent =
    rows === 0 || history.entries.length === 0 ? '' : `${shared} of these ${rows} are also recommended`;
}

const refreshPopular = panel({
  content: popularList,
  load: (/** @type {undefined} */ _, signal) => api.popular(beside, signal),
  show({ data }) {
    showRows(popularList, data, actions);
    showOverlap();
  },
});

const similarList = byId('similar-list', HTMLOListElement);
const loadSimilar = panel({
  content: similarList,
  load: (/** @type {Item} */ item, signal) => api.similar(item.itemId, similarItems, signal),
  show: ({ data }) => showRows(similarList, data, actions),
});

async function refreshSimilar() {
  const item = chosen ?? history.entries.findLast(({ known }) => known)?.item;
  byId('similar', HTMLElement).hidden = item === undefined;
  if (item === undefined) return;
  byId('similar-to', HTMLElement).textContent = title(item);
  await loadSimilar(item);
}

const refreshRelease = panel({
  content: byId('release-content', HTMLElement),
  load: (/** @type {undefined} */ _, signal) => api.release(signal),
  show({ data }) {
    const isOther = release?.releaseId !== data.releaseId;
    if (release !== undefined && isOther) announce(`Release ${data.releaseId} answers now.`);
    release = data;
    showRelease(data);
    if (!isOther) return;
    showKinds();
    showHistory(history, kinds(), actions.focus);
    void refreshPopular(undefined);
  },
});

function showKinds() {
  const weights = Object.entries(release?.eventKinds ?? {});
  const options = weights.map(([kind, weight], index) =>
    el(
      'label',
      {},
      el('input', { type: 'radio', name: 'kind', value: kind, checked: index === 0 }),
      kind,
      el('span', { class: 'quiet' }, ` ${weight}`),
    ),
  );
  byId('kind-options', HTMLElement).replaceChildren(...(weights.length > 1 ? options : []));
  byId('kinds', HTMLElement).hidden = weights.length < 2;
}

function showCurl() {
  const body = api.recommendationRequest(history.events, recommended);
  byId('curl', HTMLElement).textContent = curl(new URL(api.recommendationsPath, location.href).href, body);
}

async function copyCurl() {
  const code = byId('curl', HTMLElement);
  try {
    await navigator.clipboard.writeText(code.textContent ?? '');
    announce('Copied.');
    byId('copied', HTMLElement).textContent = 'Copied';
  } catch {
    // Without permission, or over plain HTTP: the text is selected, so that the keyboard can copy it.
    getSelection()?.selectAllChildren(code);
    byId('copied', HTMLElement).textContent = 'Selected; copy it with your keyboard';
  }
}

async function surprise() {
  const message = byId('history-problem', HTMLElement);
  message.textContent = '';
  try {
    const items = await exampleHistory();
    chosen = undefined;
    const kind = selectedKind();
    history.set(
      items.map((item) => ({ item, kind, known: true })),
      `An example history of ${items.length} items.`,
    );
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    message.textContent = `${error.problem.title}: ${error.message}`;
    announce(message.textContent);
  }
}

/**
 * The entry of an event that names an item by its id only. An item that the release does not know stays, marked.
 * @param {HistoryEvent} event
 * @returns {Promise<Entry>}
 */
async function entryOf({ itemId, kind }) {
  try {
    return { item: (await api.item(itemId, new AbortController().signal)).data, kind, known: true };
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    return { item: { itemId }, kind, known: error.problem.status !== 404 };
  }
}

/** The history that the address names. */
const restore = async () => history.set(await Promise.all(readLink().map(entryOf)), '');

const box = searchBox(actions.add);
byId('surprise', HTMLButtonElement).addEventListener('click', surprise);
byId('clear', HTMLButtonElement).addEventListener('click', () => {
  chosen = undefined;
  history.clear();
  box.focus();
});
byId('copy', HTMLButtonElement).addEventListener('click', copyCurl);
window.addEventListener('hashchange', restore);
shortcuts({ '/': box.focus, s: () => void surprise(), c: history.clear });
void refreshRelease(undefined);
void restore();
