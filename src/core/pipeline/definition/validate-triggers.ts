/**
 * The rules of triggers. AWS has them for connections only; here they may also name a CodeCommit source.
 * AWS: "Filter triggers on code push or pull requests".
 */

import type { DeclarationFault, Path } from './declaration-fault.ts';
import { faultsOf, repeated } from './declaration-fault.ts';
import type { Declaration, PushFilter, TriggerDeclaration } from './declaration.ts';
import { TRIGGERS_LENGTH_MAX } from '#core/pipeline/limits.ts';
import { unreadablePatterns } from '#core/pipeline/trigger/trigger-filter.ts';

const PROVIDERS: readonly string[] = ['CodeStarSourceConnection', 'CodeCommit'];

export function triggerFaults(declaration: Declaration): readonly DeclarationFault[] {
  const { triggers = [], stages } = declaration;
  const { faults, say } = faultsOf('InvalidStructureException');
  if (triggers.length === 0) return faults;
  const length = JSON.stringify(triggers).length;
  if (length > TRIGGERS_LENGTH_MAX) {
    say(['triggers'], `The triggers are ${length} characters long. The maximum is ${TRIGGERS_LENGTH_MAX}`);
  }
  const known = (stages[0]?.actions ?? [])
    .filter(({ actionTypeId }) => actionTypeId.owner === 'AWS' && PROVIDERS.includes(actionTypeId.provider))
    .map((action) => action.name);
  const named = triggers.map(({ gitConfiguration }) => gitConfiguration.sourceActionName);
  for (const [index, name] of named.entries()) {
    if (known.includes(name)) continue;
    say(
      pathOf(index, 'sourceActionName'),
      `Trigger source action ${name} must be a source action of the pipeline with the provider ` +
        'CodeStarSourceConnection',
      { name, known },
    );
  }
  for (const index of repeated(named)) {
    say(
      pathOf(index, 'sourceActionName'),
      `A source action can have one trigger only. ${named[index]} has more than one`,
    );
  }
  for (const [index, trigger] of triggers.entries()) {
    for (const [path, message] of filterMessages(trigger)) say(pathOf(index, ...path), message);
    for (const pattern of unreadablePatterns(trigger.gitConfiguration)) {
      say(pathOf(index), `The pattern '${pattern}' of a trigger has more alternatives than can be kept`);
    }
  }
  return faults;
}

function pathOf(index: number, ...below: Path): Path {
  return ['triggers', index, 'gitConfiguration', ...below];
}

function filterMessages({ gitConfiguration }: TriggerDeclaration): readonly (readonly [Path, string])[] {
  const { push = [], pullRequest = [], sourceActionName } = gitConfiguration;
  const subject = `of the trigger for ${sourceActionName}`;
  return [
    ...push.flatMap((filter, at): (readonly [Path, string])[] => {
      const message = pushMessage(filter, subject);
      return message === undefined ? [] : [[['push', at], message]];
    }),
    ...pullRequest.flatMap(({ events = [] }, at): (readonly [Path, string])[] =>
      repeated(events).map((event) => [
        ['pullRequest', at, 'events', event],
        `A pull request filter ${subject} names the event ${events[event]} more than once`,
      ]),
    ),
  ];
}

function pushMessage({ tags, branches, filePaths }: PushFilter, subject: string): string | undefined {
  if (!tags && !branches && !filePaths) {
    return `A push filter ${subject} must have tags, branches or file paths`;
  }
  return tags && (branches || filePaths)
    ? `A push filter ${subject} can have either tags, or branches and file paths, not both`
    : undefined;
}
