/**
 * What an operator does to the keys of a data directory: look at them, add one that seals from now on, and put all of them
 * under another root key. Each is safe to be ended at any line, and to be run again. Only one of them runs at a time.
 */

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  bundlePath,
  createBundleKey,
  readBundle,
  writeBundle,
  type Bundle,
  type BundleKey,
} from './key-bundle.ts';
import { openBundle, openRootSecret } from './keyring.ts';
import { createPrivateFile, replacePrivateFile } from './private-files.ts';
import {
  createRootSecret,
  readRootSecret,
  rootSecretOf,
  rootSecretPath,
  type RootSecret,
  type RootSource,
} from './root-secret.ts';

export interface KeyStatus {
  readonly root: { readonly from: string; readonly id: string };
  readonly keys: readonly {
    readonly id: string;
    readonly createdAt: number;
    /** `founding`: also derives; `seals`: what is sealed now; `opens`: only what was sealed before. */
    readonly uses: readonly ('founding' | 'seals' | 'opens')[];
  }[];
}

/** Where the root key is to be from now on. */
export type RootTarget = RootSource;

export function statusOfKeys(directory: string, source: RootSource): KeyStatus {
  const { root, bundle } = openExisting(directory, source);
  const newest = bundle.at(-1);
  return {
    root: { from: root.from, id: root.id },
    keys: bundle.map((key, index) => ({
      id: key.id,
      createdAt: key.createdAt,
      uses: [
        ...(index === 0 ? (['founding'] as const) : []),
        ...(key === newest ? (['seals'] as const) : []),
        ...(index > 0 && key !== newest ? (['opens'] as const) : []),
      ],
    })),
  };
}

/** A new key that seals from now on; those before go on opening what they sealed. */
export function rotateKeys(directory: string, source: RootSource, now: number): BundleKey {
  return alone(directory, () => {
    const { root, bundle } = openExisting(directory, source);
    const made = createBundleKey(now);
    writeBundle(directory, [...bundle, made], [root]);
    return made;
  });
}

/**
 * Puts the keys under another root key. At every moment the root key that the next start finds is one under which they
 * are sealed. To the data directory itself means: a new key in the place of the old one.
 */
export function rewrapKeys(
  directory: string,
  source: RootSource,
  target: RootTarget,
  between: (step: string) => void = () => {},
): RootSecret {
  return alone(directory, () => {
    const { root, bundle } = openExisting(directory, source);
    const { next, settle } = prepareRoot(directory, target);
    if (next.id === root.id) throw new Error(`${next.from} is the root key that is in use already.`);
    between('prepared');
    writeBundle(directory, bundle, [root, next]);
    between('sealed under both');
    settle();
    between('settled');
    writeBundle(directory, bundle, [next]);
    between('sealed under the new one');
    // The old key opens nothing here any more, and must not be taken for the one to use.
    if (target.type !== 'directory') rmSync(rootSecretPath(directory), { force: true });
    return next;
  });
}

interface Prepared {
  readonly next: RootSecret;
  /** Puts the new root key where the next start looks for it. */
  settle(): void;
}

function prepareRoot(directory: string, target: RootTarget): Prepared {
  switch (target.type) {
    case 'file':
      return {
        next: readRootSecret(directory, target) ?? createRootSecret(directory, target.path),
        settle: () => {},
      };
    case 'command': {
      const next = readRootSecret(directory, target);
      if (next === undefined) throw new Error('The command gave no key.');
      return { next, settle: () => {} };
    }
    case 'directory': {
      const text = `${randomBytes(32).toString('hex')}\n`;
      return {
        next: rootSecretOf(Buffer.from(text), rootSecretPath(directory)),
        settle: () => replacePrivateFile(rootSecretPath(directory), text),
      };
    }
  }
}

function openExisting(
  directory: string,
  source: RootSource,
): { readonly root: RootSecret; readonly bundle: Bundle } {
  if (!existsSync(bundlePath(directory)) && !existsSync(rootSecretPath(directory))) {
    throw new Error(`${directory} holds no installation yet. Start the server once with: slipway serve`);
  }
  const root = openRootSecret(directory, source);
  return { root, bundle: readBundle(directory, root) ?? openBundle(directory, root) };
}

/** A file says who is at it; that of a process which is gone counts for nothing. */
function alone<Result>(directory: string, work: () => Result): Result {
  const path = join(directory, 'keyring.lock');
  if (!createPrivateFile(path, `${process.pid}\n`)) {
    const holder = Number.parseInt(readFileSync(path, 'utf8'), 10);
    if (isRunning(holder))
      throw new Error(`Process ${holder} is changing the keys of ${directory}. Wait for it.`);
    writeFileSync(path, `${process.pid}\n`, { mode: 0o600 });
  }
  try {
    return work();
  } finally {
    rmSync(path, { force: true });
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
