/** For tests of the rules of declarations: faults of a declaration as a caller sees them, with their places. */

import type { QuotaProfile } from '#base/quotas.ts';
import { actionTypeOf, keyOf } from './catalogue.ts';
import type { ActionType } from './catalogue-type.ts';
import type { DeclarationFault } from './declaration-fault.ts';
import type { GivenAction, GivenDeclaration, GivenStage } from './declaration-given.ts';
import { completeDeclaration } from './declaration-given.ts';
import { pipeline, sourceAction } from '#core/pipeline/decide-fixture.ts';
import { quotasOf } from '#core/pipeline/limits.ts';
import { declarationFaults } from './validate.ts';

/** A custom type of the account. */
export const JENKINS: ActionType = {
  id: { category: 'Build', owner: 'Custom', provider: 'Jenkins', version: '1' },
  properties: [
    { name: 'ProjectName', required: true, secret: false, type: 'string', queryable: true },
    { name: 'Password', required: false, secret: true, type: 'string' },
    { name: 'Agents', required: false, secret: false, type: 'number' },
  ],
  inputs: { min: 0, max: 5 },
  outputs: { min: 0, max: 5 },
  timeoutMs: 1,
};

export function allFaults(
  given: GivenDeclaration,
  profile: QuotaProfile = 'seed',
): readonly DeclarationFault[] {
  return declarationFaults(given, completeDeclaration(given, 1), {
    region: 'us-east-1',
    quotas: quotasOf(profile),
    actionTypeOf: (id) => actionTypeOf(id) ?? (keyOf(id) === keyOf(JENKINS.id) ? JENKINS : undefined),
  });
}

/** The first fault as AWS answers it, and its place: `stages/1/actions/0: InvalidStructureException: …`. */
export function faultOf(given: GivenDeclaration, profile?: QuotaProfile): string | undefined {
  const [first] = allFaults(given, profile);
  return first && `${first.path.join('/')}: ${first.code}: ${first.message}`;
}

export const source: GivenStage = { name: 'S1', actions: [sourceAction()] };

/** A source and one more action in a second stage. */
export function withAction(action: GivenAction): GivenDeclaration {
  return pipeline(source, { name: 'S2', actions: [action] });
}

export function action(category: string, provider: string, rest: Partial<GivenAction> = {}): GivenAction {
  return { name: 'A', actionTypeId: { category, owner: 'AWS', provider, version: '1' }, ...rest };
}
