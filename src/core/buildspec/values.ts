/** Texts, lists, maps and switches out of the nodes of a buildspec; whatever has another shape is a fault with its line. */

import { YamlFault } from './node.ts';
import type { YamlEntry, YamlNode } from './node.ts';

export function find(node: YamlNode, key: string): YamlEntry | undefined {
  return node.entries.find((entry) => entry.key === key);
}

export function readText(entry: YamlEntry | undefined): string | undefined {
  if (!entry) return undefined;
  if (entry.value.kind !== 'scalar') {
    throw new YamlFault(`Cannot unmarshal ${entry.value.kind} to string: ${entry.key} at line ${entry.line}`);
  }
  return entry.value.text;
}

/** One text counts as a list of one. */
export function readTextList(entry: YamlEntry | undefined): string[] {
  if (!entry) return [];
  if (entry.value.kind !== 'list') {
    const text = readText(entry);
    return text ? [text] : [];
  }
  return entry.value.items.map((item, index) => {
    if (item.kind === 'scalar') return item.text;
    throw new YamlFault(
      `Cannot unmarshal ${item.kind} to string: ${entry.key}[${index}] at line ${item.line}`,
    );
  });
}

export function readTextMap(entry: YamlEntry | undefined): Record<string, string> {
  if (!entry || (entry.value.kind === 'scalar' && entry.value.text === '')) return {};
  if (entry.value.kind !== 'map') {
    throw new YamlFault(`Cannot unmarshal ${entry.value.kind} to map: ${entry.key} at line ${entry.line}`);
  }
  return Object.fromEntries(entry.value.entries.map((item) => [item.key, readText(item) ?? '']));
}

export function readSwitch(entry: YamlEntry | undefined): boolean {
  const text = readText(entry)?.toLowerCase() ?? 'no';
  if (['yes', 'true', 'on'].includes(text)) return true;
  if (['no', 'false', 'off', ''].includes(text)) return false;
  throw new YamlFault(`Invalid ${entry?.key}: ${text} at line ${entry?.line}. Expecting: yes,no`);
}
