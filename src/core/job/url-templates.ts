/**
 * URL templates of action types: `https://ci.example.com/{Config:ProjectName}/{ExternalExecutionId}`. A URL is there
 * once everything in it is known. AWS: "Create and add a custom action in CodePipeline".
 */

export interface TemplateFacts {
  readonly configuration: Readonly<Record<string, string>>;
  readonly externalId?: string;
  readonly revisionId?: string;
}

const PLACEHOLDER = /\{([^{}]*)\}/g;
const CONFIG = 'Config:';

/** The placeholders that stand for nothing; `names` are the properties that may be shown. */
export function unknownPlaceholders(template: string, names: readonly string[]): readonly string[] {
  return [...template.matchAll(PLACEHOLDER)]
    .map(([, name = '']) => name)
    .filter((name) => {
      if (name.startsWith(CONFIG)) return !names.includes(name.slice(CONFIG.length));
      return name !== 'ExternalExecutionId' && name !== 'RevisionId';
    });
}

export function fillTemplate(template: string | undefined, facts: TemplateFacts): string | undefined {
  if (template === undefined) return undefined;
  let isComplete = true;
  const url = template.replaceAll(PLACEHOLDER, (_, name: string) => {
    const value = valueOf(name, facts);
    if (value === undefined) isComplete = false;
    return value === undefined ? '' : encode(value);
  });
  return isComplete ? url : undefined;
}

function valueOf(name: string, facts: TemplateFacts): string | undefined {
  if (name.startsWith(CONFIG)) return facts.configuration[name.slice(CONFIG.length)];
  return name === 'ExternalExecutionId' ? facts.externalId : facts.revisionId;
}

/** Slashes stay, as build servers keep jobs in folders. */
function encode(value: string): string {
  return value.split('/').map(encodeURIComponent).join('/');
}
