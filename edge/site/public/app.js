/** @import { Answer, Item } from './api.js' */
/** @import { Entry } from './history.js' */
/** @import { HistoryEvent, RecommendationResponse, ReleaseResponse } from '../../../shared/api.ts' */
import * as api from './api.js';
import { announce, byId } from './dom.js';
import { milliseconds } from './format.js';
import { showHistory, visitorHistory } from './history.js';
import { title } from './items.js';
import { kindsOf, selectedKind, showKinds } from './kinds.js';
import { isLink, readLink, writeLink } from './link.js';
import { panel } from './panel.js';
import { wantsReasons } from './reasons.js';
import { recommendationList, showNotes } from './recommendations.js';
import { showRelease } from './release.js';
import { copyRequest, showRequest } from './request.js';
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
let surprising = new AbortController();
let restoring = new AbortController();

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

/** @param {string} message */
function historyChanged(message) {
  lastChange = message;
  writeLink(history.events);
  showHistory(history, kindsOf(release?.eventKinds), actions.focus);
  ask();
  void refreshSimilar();
}

function ask() {
  const request = api.recommendationRequest(history.events, recommended, wantsReasons());
  showRequest(request);
  void refreshRecommendations(request);
}

const showCards = recommendationList(actions);
const showTimings = timings();
const refreshRecommendations = panel({
  content: byId('answer', HTMLElement),
  load: (/** @type {ReturnType<typeof api.recommendationRequest>} */ request, signal) =>
    api.recommend(request, signal),
  show(received) {
    answer = received.data;
    showCards(received, history.entries);
    showNotes(answer);
    showTimings(received);
    showOverlap();
    announceAnswer(received);
    if (release !== undefined && answer.releaseId !== release.releaseId) void refreshRelease(undefined);
  },
  failed() {
    answer = undefined;
    showOverlap();
  },
});

/** @param {Answer<RecommendationResponse>} received */
function announceAnswer({ data: { items }, roundTripMs }) {
  const first = items[0] === undefined ? '' : ` First: ${title(items[0])}.`;
  announce(
    `${lastChange} ${items.length} recommendations in ${milliseconds(roundTripMs)} milliseconds.${first}`,
  );
}

/** What everybody gets, set against what this visitor gets. Without a history both are the same, which says nothing. */
function showOverlap() {
  const known = new Set(history.entries.map(({ item }) => item.itemId));
  const ids = known.size === 0 ? [] : (answer?.items ?? []).map(({ itemId }) => itemId);
  const shared = markShared(popularList, known, ids);
  byId('overlap', HTMLElement).textContent =
    ids.length === 0 ? '' : `${shared} of these ${popularList.childElementCount} are also recommended`;
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
    showKinds(data.eventKinds);
    history.keepKinds(kindsOf(data.eventKinds));
    showHistory(history, kindsOf(release?.eventKinds), actions.focus);
    void refreshPopular(undefined);
  },
});

async function surprise() {
  const message = byId('history-problem', HTMLElement);
  message.textContent = '';
  surprising.abort();
  surprising = new AbortController();
  const { signal } = surprising;
  try {
    const items = await exampleHistory(signal);
    if (signal.aborted) return;
    chosen = undefined;
    const kind = selectedKind();
    history.set(
      items.map((item) => ({ item, kind, known: true })),
      `An example history of ${items.length} items.`,
    );
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof api.ApiError)) throw error;
    message.textContent = `${error.problem.title}: ${error.message}`;
    announce(message.textContent);
  }
}

/**
 * The entry of an event that names an item by its id only. An item that the release does not know stays, marked.
 * @param {HistoryEvent} event
 * @param {AbortSignal} signal
 * @returns {Promise<Entry>}
 */
async function entryOf({ itemId, kind }, signal) {
  try {
    return { item: (await api.item(itemId, signal)).data, kind, known: true };
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    return { item: { itemId }, kind, known: error.problem.status !== 404 };
  }
}

/** The history that the address names; a later address wins over an earlier one that is still being read. */
async function restore() {
  restoring.abort();
  restoring = new AbortController();
  const { signal } = restoring;
  try {
    const entries = await Promise.all(readLink().map((event) => entryOf(event, signal)));
    history.set(entries, '');
    if (release !== undefined) history.keepKinds(kindsOf(release.eventKinds));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

const box = searchBox(actions.add);
byId('surprise', HTMLButtonElement).addEventListener('click', surprise);
const clear = () => {
  chosen = undefined;
  history.clear();
  box.focus();
};
byId('clear', HTMLButtonElement).addEventListener('click', clear);
byId('explain', HTMLInputElement).addEventListener('change', () => {
  lastChange = wantsReasons() ? 'With reasons.' : 'Without reasons.';
  ask();
});
byId('copy', HTMLButtonElement).addEventListener('click', copyRequest);
window.addEventListener('hashchange', () => (isLink() ? restore() : writeLink(history.events)));
shortcuts({ '/': box.focus, s: () => void surprise(), c: clear });
void refreshRelease(undefined);
void restore();
