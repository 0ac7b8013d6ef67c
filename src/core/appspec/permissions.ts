/** The `permissions` section of an AppSpec file: who owns what Install creates, and who may do what with it. */

import { isScalar, type Node, type YAMLMap } from 'yaml';
import type { PermissionRule, Platform, SecurityContext } from './app-spec.ts';
import type { Reader } from './reader.ts';

export function readPermissions(root: YAMLMap, os: Platform, reader: Reader): readonly PermissionRule[] {
  const entries = reader.list(root, 'permissions');
  if (os === 'windows' && entries[0] !== undefined) {
    reader.fault(entries[0], '"permissions" is not available on Windows.');
    return [];
  }
  return entries.flatMap((entry) => {
    const map = reader.map(entry, 'An entry of "permissions"');
    if (!map) return [];
    const object = reader.requiredText(map, 'object', 'An entry of "permissions"');
    const rule = {
      pattern: reader.text(map, 'pattern') ?? '**',
      except: texts(map, 'except', reader),
      types: readTypes(map, reader),
      owner: reader.text(map, 'owner'),
      group: reader.text(map, 'group'),
      mode: readMode(map, reader),
      acls: texts(map, 'acls', reader),
      context: readContext(map, reader),
    };
    return object === undefined ? [] : [{ object, ...rule }];
  });
}

/** True when a rule for a directory covers `path`, given relative to that directory. */
export function isCovered(rule: PermissionRule, path: string, type: 'file' | 'directory'): boolean {
  if (!rule.types.includes(type)) return false;
  const isChild = !path.includes('/');
  if (rule.pattern !== '**' && !(isChild && matches(rule.pattern, path))) return false;
  return !rule.except.some((pattern) => isChild && matches(pattern, path));
}

/** `*` stands for any run of characters. Linear: pieces between the stars are found from left to right. */
function matches(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return name === pattern;
  const last = rest.pop() ?? '';
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last))
    return false;
  let from = first.length;
  const until = name.length - last.length;
  for (const piece of rest) {
    const at = name.indexOf(piece, from);
    if (at < 0 || at + piece.length > until) return false;
    from = at + piece.length;
  }
  return true;
}

function texts(map: YAMLMap, name: string, reader: Reader): readonly string[] {
  return reader.list(map, name).flatMap((item: Node) => {
    if (isScalar(item)) return [String(item.value)];
    reader.fault(item, `"${name}" must be a list of texts.`);
    return [];
  });
}

function readTypes(map: YAMLMap, reader: Reader): readonly ('file' | 'directory')[] {
  const types = texts(map, 'type', reader);
  for (const type of types) {
    if (type !== 'file' && type !== 'directory') {
      reader.fault(
        reader.pair(map, 'type'),
        `"type" of a permission must be file or directory; it has "${type}".`,
      );
    }
  }
  if (types.length === 0) return ['file', 'directory'];
  return types.filter((type) => type === 'file' || type === 'directory');
}

/** `644` and `"0644"` alike: YAML reads the first as a decimal number, and its digits are what is meant. */
function readMode(map: YAMLMap, reader: Reader): string | undefined {
  const node = map.get('mode', true);
  if (!isScalar(node) || node.value === null) return undefined;
  const text = (node.source ?? String(node.value)).trim();
  if (/^[0-7]{1,4}$/.test(text)) return text.padStart(3, '0');
  reader.fault(node, `"mode" of a permission must be 1 to 4 octal digits; it is "${text}".`);
  return undefined;
}

function readContext(map: YAMLMap, reader: Reader): SecurityContext | undefined {
  const node = reader.pair(map, 'context');
  if (node === map) return undefined;
  const context = reader.map(node, '"context" of a permission');
  if (!context) return undefined;
  const type = reader.requiredText(context, 'type', '"context" of a permission');
  return type === undefined
    ? undefined
    : { user: reader.text(context, 'name'), type, range: reader.text(context, 'range') };
}
