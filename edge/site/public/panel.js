import { ApiError } from './api.js';
import { announce, el } from './dom.js';

/**
 * What went wrong, in the worker's own words, and a way on.
 * @param {ApiError} error
 * @param {() => void} retry
 */
function problemCard({ problem, retryAfter }, retry) {
  return el(
    'div',
    { class: 'problem' },
    el(
      'p',
      { class: 'problem-title' },
      problem.status ? `${problem.title} (${problem.status})` : problem.title,
    ),
    problem.detail !== undefined && el('p', { dir: 'auto' }, problem.detail),
    ...(problem.errors ?? []).map(({ path, message }) => el('p', { class: 'mono' }, `${path}: ${message}`)),
    retryAfter !== undefined && el('p', { class: 'quiet' }, `Trying again in ${retryAfter} s.`),
    el('button', { class: 'button', type: 'button', onclick: retry }, 'Try again'),
  );
}

/**
 * A part of the page that shows what the worker answers: busy while it waits, the problem when it is refused. Only the
 * latest call counts; an earlier one is aborted, so that answers cannot overtake each other.
 * @template A, T
 * @param {object} parts
 * @param {HTMLElement} parts.content what `show` fills; hidden while there is a problem
 * @param {(argument: A, signal: AbortSignal) => Promise<T>} parts.load
 * @param {(value: T, argument: A) => void} parts.show
 * @param {() => void} [parts.failed]
 * @returns {(argument: A) => Promise<void>}
 */
export function panel({ content, load, show, failed }) {
  const notice = el('div', { class: 'notice' });
  content.before(notice);
  /** @type {AbortController | undefined} */
  let running;
  let waiting = 0;

  return async function refresh(argument) {
    running?.abort();
    clearTimeout(waiting);
    const controller = new AbortController();
    running = controller;
    content.setAttribute('aria-busy', 'true');
    try {
      const value = await load(argument, controller.signal);
      if (controller.signal.aborted) return;
      notice.replaceChildren();
      content.hidden = false;
      show(value, argument);
    } catch (error) {
      if (controller.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      const retry = () => void refresh(argument);
      const hadFocus = notice.contains(document.activeElement);
      notice.replaceChildren(problemCard(error, retry));
      if (hadFocus) notice.querySelector('button')?.focus();
      content.hidden = true;
      failed?.();
      if (error.retryAfter !== undefined) waiting = window.setTimeout(retry, error.retryAfter * 1000);
      window.addEventListener('online', retry, { once: true, signal: controller.signal });
      announce(`${error.problem.title}. ${error.message}`);
    } finally {
      if (!controller.signal.aborted) content.removeAttribute('aria-busy');
    }
  };
}
