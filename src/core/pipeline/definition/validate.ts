/**
 * What is wrong with a declaration: the rules are in the files beside this one, here is their order. Pure: whether a
 * role can be assumed or a name is free is asked by the room. AWS: "CodePipeline pipeline structure reference".
 */

import type { DeclarationFault } from './declaration-fault.ts';
import type { GivenDeclaration } from './declaration-given.ts';
import type { Declaration } from './declaration.ts';
import { actionFaults } from './validate-actions.ts';
import { artifactFaults } from './validate-artifacts.ts';
import type { Circumstances } from './validate-circumstances.ts';
import { referenceFaults } from './validate-references.ts';
import { stageFaults } from './validate-stages.ts';
import { sizeFaults, storeFaults, structureFaults } from './validate-structure.ts';
import { triggerFaults } from './validate-triggers.ts';

/** Further faults are not listed. */
const FAULTS_MAX = 200;

/** All faults, the most fundamental first; AWS answers one at a time, the first. */
export function declarationFaults(
  given: GivenDeclaration,
  declaration: Declaration,
  circumstances: Circumstances,
): readonly DeclarationFault[] {
  const sizes = sizeFaults(declaration, circumstances.quotas);
  // Whoever sends a million actions learns that, and the rest when there are fewer.
  if (sizes.length > 0) return sizes;
  const faults = [
    ...structureFaults(given, declaration),
    ...declaration.stages.flatMap((stage, index) => stageFaults(stage, index, circumstances)),
    ...declaration.stages.flatMap((stage, index) =>
      stage.actions.flatMap((action, at) =>
        actionFaults(declaration, action, ['stages', index, 'actions', at], circumstances),
      ),
    ),
    ...storeFaults(declaration, circumstances.region),
    ...triggerFaults(declaration),
    ...artifactFaults(declaration),
    ...referenceFaults(declaration, circumstances.actionTypeOf),
  ];
  return faults.slice(0, FAULTS_MAX);
}
