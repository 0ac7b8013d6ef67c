/**
 * The image catalogue: what the names that builds give mean on this machine. Without the operator's file a curated name
 * is an image of that name if the engine has one, and otherwise the tools of this machine; any other name is that image
 * and nothing else. The file is read anew for every build, so an edit needs no restart.
 */

import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isCurated } from './curated-images.ts';

export const CATALOGUE_FILE = 'image-catalogue.json';
/** Stands for the tools of this machine, in a sandbox. */
export const HOST = 'host';

const OWN = 'aws/codebuild/';

const FILE_BYTES_MAX = 256 * 1024;
const RULES_MAX = 500;
const USES_MAX = 20;
const NAME = /^[A-Za-z0-9][\w.:/@-]{0,499}\*?$/;

export interface Candidate {
  /** An image by its name, or the tools of this machine. */
  readonly use: string;
  /** Brought from its registry when the engine does not have it. */
  readonly pull: boolean;
}

const PLATFORMS = ['UBUNTU', 'DEBIAN', 'AMAZON_LINUX'] as const;
type Platform = (typeof PLATFORMS)[number];

interface Rule {
  readonly name: string;
  readonly platform: Platform;
  readonly use: readonly string[];
  readonly pull: boolean;
}

/** What may stand for the image, the first that is there wins. Throws when the file is not as it must be. */
export function candidatesFor(directory: string, image: string): readonly Candidate[] {
  const rule = readRules(directory).find(({ name }) => isNamedBy(name, image));
  if (rule) return rule.use.map((use) => ({ use, pull: rule.pull }));
  // No registry has names below aws/codebuild/.
  if (!isCurated(image)) return [{ use: image, pull: !image.startsWith(OWN) }];
  return [
    { use: image, pull: false },
    { use: HOST, pull: false },
  ];
}

/** Names that the operator's file adds to the curated ones. */
export function ownNames(directory: string): readonly Pick<Rule, 'name' | 'platform'>[] {
  return readRules(directory).filter(({ name }) => name.startsWith(OWN) && !name.endsWith('*'));
}

function isNamedBy(name: string, image: string): boolean {
  return name.endsWith('*') ? image.startsWith(name.slice(0, -1)) : image === name;
}

function readRules(directory: string): readonly Rule[] {
  const path = join(directory, CATALOGUE_FILE);
  if (!existsSync(path)) return [];
  const refuse = (why: string) => new Error(`The image catalogue ${CATALOGUE_FILE} is not valid: ${why}`);
  if (statSync(path).size > FILE_BYTES_MAX) throw refuse(`it is larger than ${FILE_BYTES_MAX} bytes`);
  let catalogue: unknown;
  try {
    catalogue = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw refuse((error as Error).message);
  }
  const { images } = (catalogue ?? {}) as { images?: unknown };
  if (!Array.isArray(images) || images.length > RULES_MAX) {
    throw refuse(`it must be {"images": […]} with at most ${RULES_MAX} entries`);
  }
  return images.map((entry: unknown, i) => {
    const { name, use, pull = false, platform = 'UBUNTU' } = (entry ?? {}) as Record<string, unknown>;
    const where = `images[${i}]`;
    if (typeof name !== 'string' || !NAME.test(name))
      throw refuse(`${where}.name must be the name of an image`);
    const isList = Array.isArray(use) && use.length > 0 && use.length <= USES_MAX;
    if (!isList || !use.every((each) => typeof each === 'string' && NAME.test(each) && !each.endsWith('*'))) {
      throw refuse(`${where}.use must list names of images, or "${HOST}"`);
    }
    if (typeof pull !== 'boolean') throw refuse(`${where}.pull must be true or false`);
    if (use.includes(HOST) && !name.startsWith(OWN)) {
      throw refuse(`${where}: only names that begin with ${OWN} can stand for the tools of this machine`);
    }
    const known = PLATFORMS.find((each) => each === platform);
    if (!known) throw refuse(`${where}.platform must be one of ${PLATFORMS.join(', ')}`);
    return { name, platform: known, use: use as string[], pull };
  });
}
