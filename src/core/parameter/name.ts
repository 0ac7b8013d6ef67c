/**
 * Names of parameters, and the texts by which requests mean one: a name or an ARN, with a version or a label behind a
 * colon. See "Requirements and constraints for parameter names" and "Working with parameter versions" in the Systems
 * Manager User Guide. Pure.
 */

/** AWS counts the characters of the ARN, not of the name alone. */
const ARN_LENGTH_MAX = 1011;
const LEVELS_MAX = 15;
const NAME = /^[A-Za-z0-9_.-]+$/;
const PATH = /^(?:\/[A-Za-z0-9_.-]+)+$/;

/** `/shop/db/password` and `password` after `parameter`: one slash stands between, whether the name has one or not. */
export function parameterResource(name: string): string {
  return name.startsWith('/') ? `parameter${name}` : `parameter/${name}`;
}

/** What is wrong with a new parameter's name, in a sentence. */
export function nameFault(name: string, arnLength: number): string | undefined {
  const first = name.replace(/^\//, '').toLowerCase();
  if (first.startsWith('aws') || first.startsWith('ssm')) {
    return `Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive): ${shorten(name)}`;
  }
  if (name.includes('/') && !name.startsWith('/')) return 'Parameter name must be a fully qualified name.';
  if (!NAME.test(name) && !PATH.test(name)) {
    return 'Parameter name: if formed as a path, it can consist of sub-paths divided by the slash symbol; each sub-path can be formed as a mix of letters, numbers and the symbols . - _';
  }
  if (name.split('/').length - 1 > LEVELS_MAX) {
    return `Parameter name: a hierarchy can have at most ${LEVELS_MAX} levels`;
  }
  if (arnLength > ARN_LENGTH_MAX)
    return `Parameter name: its ARN can have at most ${ARN_LENGTH_MAX} characters`;
  return undefined;
}

export function isPath(text: string): boolean {
  return text === '/' || PATH.test(text.replace(/\/$/, ''));
}

/** Whether a name is below a path: directly, or at any depth. Names without a slash are below the root. */
export function isBelow(name: string, path: string, isRecursive: boolean): boolean {
  const full = name.startsWith('/') ? name : `/${name}`;
  const folder = path.endsWith('/') ? path : `${path}/`;
  if (!full.startsWith(folder)) return false;
  return isRecursive || !full.slice(folder.length).includes('/');
}

export interface Reference {
  /** Names that the reference may mean; an ARN does not say whether its name begins with a slash. */
  readonly names: readonly string[];
  readonly version?: number;
  readonly label?: string;
  /** As it stands in answers: `:3`. */
  readonly selector?: string;
}

/** `undefined` for what can mean no parameter of this account and region. */
export function parseReference(text: string, arnPrefix: string): Reference | undefined {
  const isArn = text.startsWith('arn:');
  if (isArn && !text.startsWith(arnPrefix)) return undefined;
  const [name = '', selector, ...more] = (isArn ? text.slice(arnPrefix.length) : text).split(':');
  if (more.length > 0 || name === '') return undefined;
  const names = isArn ? namesOfArn(name) : [name];
  if (selector === undefined) return { names };
  const shown = `:${selector}`;
  if (/^[1-9]\d{0,15}$/.test(selector)) return { names, version: Number(selector), selector: shown };
  return isLabel(selector) ? { names, label: selector, selector: shown } : undefined;
}

/** `arnPrefix` ends with `:parameter/`. */
function namesOfArn(rest: string): readonly string[] {
  return rest.includes('/') ? [`/${rest}`] : [rest, `/${rest}`];
}

/** Why AWS does not take a label; see `LabelParameterVersion` in the API reference. */
export function isLabel(text: string): boolean {
  return /^[A-Za-z_.-][A-Za-z0-9_.-]{0,99}$/.test(text) && !/^(?:aws|ssm)/i.test(text);
}

function shorten(name: string): string {
  return name.slice(0, 100);
}
