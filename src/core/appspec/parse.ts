/**
 * The AppSpec file of EC2/on-premises deployments (`appspec.yml`): text → what to install and what to run, or every
 * fault in it with its line. The agent parses it on the host; `slipway check` before anybody deploys it. Rules and
 * their order follow the AppSpec file reference of the CodeDeploy user guide; unknown hook names are ignored there too.
 */

import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node, type Pair, type YAMLMap } from 'yaml';
import type { AppSpec, AppSpecFault, FileExistsBehavior, FileMapping, Platform, Script } from './app-spec.ts';
import { readPermissions } from './permissions.ts';
import { createReader, type Reader } from './reader.ts';

export type ParsedAppSpec =
  { readonly appSpec: AppSpec } | { readonly faults: readonly [AppSpecFault, ...AppSpecFault[]] };

export const SCRIPT_TIMEOUT_SECONDS_DEFAULT = 3600;
export const APPSPEC_CHARACTERS_MAX = 1024 * 1024;
/** YAML aliases are resolved this many times at most, against documents that grow while they are read. */
const ALIASES_MAX = 100;

export function parseAppSpec(text: string): ParsedAppSpec {
  if (text.trim() === '') return { faults: [{ message: 'The AppSpec file is empty.' }] };
  if (text.length > APPSPEC_CHARACTERS_MAX) {
    return { faults: [{ message: `The AppSpec file is longer than ${APPSPEC_CHARACTERS_MAX} characters.` }] };
  }
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, uniqueKeys: true });
  const faults: AppSpecFault[] = document.errors.map((error) => ({
    message: `The AppSpec file is not valid YAML: ${error.message.split('\n')[0] ?? ''}`,
    line: lineCounter.linePos(error.pos[0]).line,
  }));
  if (faults.length === 0 && !isMap(document.contents)) {
    faults.push({
      message: 'The AppSpec file must be a mapping of version, os, files, permissions and hooks.',
    });
  }
  if (faults.length === 0) {
    try {
      document.toJS({ maxAliasCount: ALIASES_MAX });
    } catch {
      faults.push({ message: `The AppSpec file uses more than ${ALIASES_MAX} YAML aliases.` });
    }
  }
  const reader = createReader(document, lineCounter, faults);
  const appSpec = faults.length === 0 ? readAppSpec(document.contents as YAMLMap, reader) : undefined;
  const [first, ...others] = faults;
  if (first) return { faults: [first, ...others] };
  return { appSpec: appSpec as AppSpec };
}

function readAppSpec(root: YAMLMap, reader: Reader): AppSpec {
  readVersion(root, reader);
  const os = readOs(root, reader);
  return {
    os,
    files: readFiles(root, reader),
    fileExistsBehavior: readFileExistsBehavior(root, reader),
    permissions: readPermissions(root, os, reader),
    hooks: readHooks(root, os, reader),
  };
}

/** A number that is zero: `0.0`, or `0`. The quoted text "0.0" is something else, as with AWS's agent. */
function readVersion(root: YAMLMap, reader: Reader): void {
  const value = root.get('version', false);
  if (value === 0) return;
  const shown = value === undefined ? 'nothing' : JSON.stringify(value);
  reader.fault(
    reader.pair(root, 'version'),
    `The AppSpec file needs "version: 0.0", as a number without quotes; it has ${shown}.`,
  );
}

function readOs(root: YAMLMap, reader: Reader): Platform {
  const value = root.get('os', false);
  if (value === 'linux' || value === 'windows') return value;
  reader.fault(
    reader.pair(root, 'os'),
    `The AppSpec file needs "os: linux" or "os: windows"; it has ${JSON.stringify(value ?? null)}.`,
  );
  return 'linux';
}

function readFiles(root: YAMLMap, reader: Reader): readonly FileMapping[] {
  return reader.list(root, 'files').flatMap((entry) => {
    const map = reader.map(entry, 'An entry of "files"');
    if (!map) return [];
    const source = reader.requiredText(map, 'source', 'An entry of "files"');
    const destination = reader.requiredText(map, 'destination', 'An entry of "files"');
    return source !== undefined && destination !== undefined ? [{ source, destination }] : [];
  });
}

function readFileExistsBehavior(root: YAMLMap, reader: Reader): FileExistsBehavior | undefined {
  const value = root.get('file_exists_behavior', false);
  if (value === undefined || value === null) return undefined;
  if (value === 'DISALLOW' || value === 'OVERWRITE' || value === 'RETAIN') return value;
  reader.fault(
    reader.pair(root, 'file_exists_behavior'),
    `"file_exists_behavior" must be DISALLOW, OVERWRITE or RETAIN; it is ${JSON.stringify(value)}.`,
  );
  return undefined;
}

function readHooks(root: YAMLMap, os: Platform, reader: Reader): Readonly<Record<string, readonly Script[]>> {
  const hooks = root.get('hooks', true) as Node | undefined;
  if (hooks === undefined || (isScalar(hooks) && hooks.value === null)) return {};
  if (!isMap(hooks)) {
    reader.fault(hooks, '"hooks" must be a mapping of lifecycle event names to lists of scripts.');
    return {};
  }
  const found = hooks.items.flatMap((pair: Pair): [string, readonly Script[]][] => {
    const name = isScalar(pair.key) ? String(pair.key.value) : '';
    const value = pair.value as Node | null;
    if (value === null || (isScalar(value) && value.value === null)) return [];
    if (!isSeq(value)) {
      reader.fault(value, `The hook "${name}" must be a list of scripts.`);
      return [];
    }
    const scripts = value.items.flatMap((item) => readScript(item as Node, name, os, reader));
    return scripts.length > 0 ? [[name, scripts]] : [];
  });
  return Object.fromEntries(found);
}

function readScript(item: Node, hook: string, os: Platform, reader: Reader): readonly Script[] {
  const map = reader.map(item, `A script of the hook "${hook}"`);
  if (!map) return [];
  const location = reader.requiredText(map, 'location', `A script of the hook "${hook}"`)?.trim();
  const runAs = reader.text(map, 'runas');
  if (runAs !== undefined && os === 'windows') {
    reader.fault(reader.pair(map, 'runas'), `"runas" of the hook "${hook}" is not available on Windows.`);
  }
  const timeoutSeconds = readTimeout(map, hook, reader);
  return location === undefined ? [] : [{ location, timeoutSeconds, runAs }];
}

function readTimeout(map: YAMLMap, hook: string, reader: Reader): number {
  const value = map.get('timeout', false);
  if (value === undefined || value === null) return SCRIPT_TIMEOUT_SECONDS_DEFAULT;
  const seconds = typeof value === 'string' && /^\d+$/.test(value.trim()) ? Number(value) : value;
  if (typeof seconds === 'number' && Number.isInteger(seconds) && seconds > 0) return seconds;
  reader.fault(
    reader.pair(map, 'timeout'),
    `The timeout of a script of the hook "${hook}" must be a whole number of seconds above 0; it is ${JSON.stringify(value)}.`,
  );
  return SCRIPT_TIMEOUT_SECONDS_DEFAULT;
}
