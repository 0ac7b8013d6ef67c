/** Names of repositories, branches and paths, as codecommit.md §5.1 and §3.2 allow them; stricter than git itself. */

const REPOSITORY = /^[A-Za-z0-9._-]{1,100}$/;
const BRANCH_LENGTH_MAX = 256;
const REFERENCE_LENGTH_MAX = 4096;
const PATH_LENGTH_MAX = 4096;
const PATH_DEPTH_MAX = 20;

export function isRepositoryName(name: string): boolean {
  return REPOSITORY.test(name) && !name.endsWith('.git') && name !== '.' && name !== '..';
}

export function isObjectId(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

/** A short name, `main`; never one that could be taken for a commit id or an option. */
export function isBranchName(name: string): boolean {
  return (
    name.length >= 1 &&
    name.length <= BRANCH_LENGTH_MAX &&
    !/^[0-9a-fA-F]{40}$/.test(name) &&
    name !== '@' &&
    name !== 'HEAD' &&
    !name.startsWith('-') &&
    isReferencePath(name)
  );
}

/** A full name, `refs/tags/v1`, as git's own rules want it. */
export function isReferenceName(name: string): boolean {
  return name.startsWith('refs/') && name.length <= REFERENCE_LENGTH_MAX && isReferencePath(name);
}

/** `git check-ref-format`, without its options. */
function isReferencePath(name: string): boolean {
  if (/[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|^\/|\/$|\.$/.test(name)) return false;
  return name.split('/').every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'));
}

/** The path inside a repository without its leading slash, or `undefined` if it cannot be one. The root is ''. */
export function normalizePath(text: string): string | undefined {
  const path = text.startsWith('/') ? text.slice(1) : text;
  if (path === '') return '';
  const parts = path.split('/');
  const isGood =
    path.length <= PATH_LENGTH_MAX &&
    parts.length <= PATH_DEPTH_MAX + 1 &&
    !/[\x00\\]$|\x00/.test(path) &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..' && part.toLowerCase() !== '.git');
  return isGood ? path : undefined;
}

/** `{ type: 'branch', shortName: 'main' }` for `refs/heads/main`; `undefined` for neither branch nor tag. */
export function describeReference(
  name: string,
): { readonly type: 'branch' | 'tag'; readonly shortName: string } | undefined {
  if (name.startsWith('refs/heads/')) return { type: 'branch', shortName: name.slice('refs/heads/'.length) };
  if (name.startsWith('refs/tags/')) return { type: 'tag', shortName: name.slice('refs/tags/'.length) };
  return undefined;
}
