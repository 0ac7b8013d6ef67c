/** What is wrong with one rule of a condition by itself: its type, its configuration, its commands, its inputs. */

import { RULE_TYPES, ruleTypeOf } from './catalogue-rules.ts';
import type { RuleType } from './catalogue-type.ts';
import type { DeclarationFault, Path } from './declaration-fault.ts';
import { faultsOf, regionText, repeated } from './declaration-fault.ts';
import type { RuleDeclaration } from './declaration.ts';
import type { Circumstances } from './validate-circumstances.ts';
import {
  commandMessages,
  configurationMessages,
  countMessages,
  primarySourceMessages,
  batchMessages,
} from './validate-configuration.ts';

export function ruleFaults(
  rule: RuleDeclaration,
  path: Path,
  { region }: Circumstances,
): readonly DeclarationFault[] {
  const { faults, say } = faultsOf('InvalidStageDeclarationException');
  const type = ruleTypeOf(rule.ruleTypeId);
  const ruleRegion = rule.region ?? region;
  if (!type || ruleRegion !== region) {
    const { category, owner, provider, version } = rule.ruleTypeId;
    say(
      [...path, ...(type ? ['region'] : ['ruleTypeId'])],
      `RuleType (Category: '${category}', Provider: '${provider}', Owner: '${owner}', Version: '${version}') ` +
        `in rule '${rule.name}' is not available in region ${regionText(ruleRegion)}`,
      type ? undefined : { name: provider, known: RULE_TYPES.map(({ id }) => id.provider) },
    );
    return faults;
  }
  const subject = { kind: 'Rule', name: rule.name } as const;
  for (const message of [
    ...fieldMessages(rule, type),
    ...countMessages(subject, 'input', rule.inputArtifacts.length, type.inputs),
    ...repeated(rule.inputArtifacts.map((artifact) => artifact.name)).map(
      (at) => `Rule ${rule.name} declares the input artifact ${rule.inputArtifacts[at]?.name} more than once`,
    ),
  ]) {
    say(path, message);
  }
  for (const { below, message, unknown } of [
    ...commandMessages(subject, rule.commands),
    ...configurationMessages(subject, rule.configuration, type.properties),
    ...primarySourceMessages(subject, type.id.provider, rule),
    ...batchMessages(subject, type.id.provider, rule),
  ]) {
    say([...path, ...below], message, unknown);
  }
  return faults;
}

function fieldMessages(rule: RuleDeclaration, type: RuleType): readonly string[] {
  const hasCommands = (rule.commands?.length ?? 0) > 0;
  if (type.hasCommands && !hasCommands) return [`Rule ${rule.name} must have a non-empty commands field`];
  return hasCommands && !type.hasCommands
    ? [
        `The following rule cannot contain a commands field: ${rule.name}. To use the commands field, use a ` +
          'Commands rule.',
      ]
    : [];
}
