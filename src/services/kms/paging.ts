/** Pages of KMS: a list cut by `Limit`, and a marker that names the last entry shown. */

import { fault } from '#base/fault.ts';

const LIMIT_MAX = 1000;

interface PageInput {
  readonly Limit?: number | undefined;
  readonly Marker?: string | undefined;
}

/** Items in the order of their names; those up to the marker are left out. */
export function pageOf<Item>(
  items: readonly Item[],
  nameOf: (item: Item) => string,
  { Limit, Marker }: PageInput,
  limitDefault = 100,
): { readonly shown: readonly Item[]; readonly page: { Truncated: boolean; NextMarker?: string } } {
  const after = Marker === undefined ? undefined : readMarker(Marker);
  const rest = after === undefined ? items : items.filter((item) => nameOf(item) > after);
  const shown = rest.slice(0, Math.min(Limit ?? limitDefault, LIMIT_MAX));
  const last = shown.at(-1);
  if (rest.length === shown.length || last === undefined) return { shown, page: { Truncated: false } };
  return {
    shown,
    page: { Truncated: true, NextMarker: Buffer.from(`>${nameOf(last)}`).toString('base64url') },
  };
}

function readMarker(marker: string): string {
  const text = Buffer.from(marker, 'base64url').toString();
  if (!text.startsWith('>'))
    throw fault('InvalidMarkerException', 'The marker is not one that was given out.');
  return text.slice(1);
}
