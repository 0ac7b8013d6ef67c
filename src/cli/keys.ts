/**
 * `slipway keys`: the keys under which the installation seals what it keeps. `status` shows them, `rotate` adds one that
 * seals from now on, `rewrap` puts all of them under another root key. No key is ever printed.
 */

import { rewrapKeys, rotateKeys, statusOfKeys, type RootTarget } from '#store/key-rotation.ts';
import { rootSourceOf } from '#store/root-secret.ts';

export interface KeysOptions {
  readonly data: string;
  readonly json: boolean;
  readonly toFile?: string;
  readonly toCommand?: string;
}

export function printStatus(options: KeysOptions): void {
  const status = statusOfKeys(options.data, rootSourceOf(process.env));
  if (options.json) return print(JSON.stringify(status));
  print(`root key ${status.root.id}, from ${status.root.from}`);
  for (const { id, createdAt, uses } of status.keys) {
    print(`key ${id}, of ${new Date(createdAt).toISOString()}: ${uses.map((use) => USES[use]).join('; ')}`);
  }
}

export function rotate(options: KeysOptions): void {
  const made = rotateKeys(options.data, rootSourceOf(process.env), Date.now());
  if (options.json) return print(JSON.stringify({ id: made.id, createdAt: made.createdAt }));
  print(
    `Key ${made.id} seals from the next start of each server on. Older keys go on opening what they sealed.`,
  );
}

export function rewrap(options: KeysOptions): void {
  const target = targetOf(options);
  const { id, from } = rewrapKeys(options.data, rootSourceOf(process.env), target);
  if (options.json) return print(JSON.stringify({ root: { id, from } }));
  print(`All keys are sealed under root key ${id} now, from ${from}. ${adviceFor(target)}`);
}

const USES = {
  founding: 'the founding key, from which others are derived',
  seals: 'seals what is kept from now on',
  opens: 'opens what was sealed with it',
} as const;

function targetOf({ toFile, toCommand }: KeysOptions): RootTarget {
  if (toFile !== undefined && toCommand !== undefined)
    throw new Error('Choose --to-file or --to-command, not both.');
  if (toFile !== undefined) return { type: 'file', path: toFile };
  return toCommand === undefined ? { type: 'directory' } : { type: 'command', command: toCommand };
}

function adviceFor(target: RootTarget): string {
  switch (target.type) {
    case 'directory':
      return 'Start servers without SLIPWAY_KEY_FILE and SLIPWAY_KEY_COMMAND.';
    case 'file':
      return `Start servers with SLIPWAY_KEY_FILE=${target.path}, and keep a copy of that file: nothing can be read without it.`;
    case 'command':
      return 'Start servers with SLIPWAY_KEY_COMMAND set to that command.';
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
