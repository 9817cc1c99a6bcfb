import { parseHTML } from 'linkedom';
import * as v from 'valibot';
import { BackendError } from '../../../shared/errors.ts';
import { request, shown } from './request.ts';

/** A file that a package index offers. */
export interface IndexFile {
  readonly filename: string;
  readonly url: string;
  readonly sha256: string;
  /** Bytes, where the index says so. */
  readonly size?: number;
}

const Page = v.object({
  files: v.array(
    v.object({
      filename: v.string(),
      url: v.string(),
      hashes: v.object({ sha256: v.optional(v.string()) }),
      size: v.optional(v.number()),
      yanked: v.optional(v.union([v.boolean(), v.string()])),
    }),
  ),
});

const accept = 'application/vnd.pypi.simple.v1+json, text/html;q=0.2';

/**
 * Files of a project, as the simple repository API lists them: JSON (PEP 691) or HTML (PEP 503). Withdrawn ones
 * and those without a SHA-256 are left out.
 * @throws BackendError when the index does not answer with such a list
 */
export async function listFiles(index: string, project: string, signal: AbortSignal): Promise<IndexFile[]> {
  const url = new URL(`${project}/`, index);
  const response = await request(url, { accept }, signal);
  if (!response.ok)
    throw new BackendError(
      `Package index ${shown(url)}: expected status 200, found ${response.status} ${response.statusText}`,
    );
  const text = await response.text();
  const base = response.url || url.href;
  return /json/.test(response.headers.get('content-type') ?? '')
    ? fromJson(text, base)
    : fromHtml(text, base);
}

function fromJson(text: string, base: string): IndexFile[] {
  let page: v.InferOutput<typeof Page>;
  try {
    page = v.parse(Page, JSON.parse(text));
  } catch (cause) {
    throw new BackendError(`Package index ${shown(base)}: expected a list of files as JSON (PEP 691)`, {
      cause,
    });
  }
  return page.files.flatMap(({ filename, url, hashes, size, yanked }) =>
    hashes.sha256 === undefined || (yanked !== undefined && yanked !== false)
      ? []
      : [
          {
            filename,
            url: new URL(url, base).href,
            sha256: hashes.sha256,
            ...(size === undefined ? {} : { size }),
          },
        ],
  );
}

function fromHtml(text: string, base: string): IndexFile[] {
  const { document } = parseHTML(text);
  return [...document.querySelectorAll('a[href]')].flatMap((link) => {
    const url = new URL(link.getAttribute('href') ?? '', base);
    const sha256 = /^#sha256=([0-9a-f]{64})$/i.exec(url.hash)?.[1];
    url.hash = '';
    if (sha256 === undefined || link.hasAttribute('data-yanked')) return [];
    return [{ filename: (link.textContent ?? '').trim(), url: url.href, sha256: sha256.toLowerCase() }];
  });
}
