/** What is wrong between actions: an artifact must come from an action that is certain to have run before. */

import type { DeclarationFault, Path } from './declaration-fault.ts';
import { faultsOf } from './declaration-fault.ts';
import type { Declaration } from './declaration.ts';
import { CONDITION_KINDS } from './declaration.ts';

/** When a thing exists: after all actions of this run order in this stage. */
interface Moment {
  readonly stage: number;
  readonly runOrder: number;
}

export function artifactFaults({ stages }: Declaration): readonly DeclarationFault[] {
  const { faults, say } = faultsOf('InvalidActionDeclarationException');
  const made = new Map<string, Moment>();
  for (const [stage, { actions }] of stages.entries()) {
    for (const [at, action] of actions.entries()) {
      for (const [output, { name }] of action.outputArtifacts.entries()) {
        if (!made.has(name)) made.set(name, { stage, runOrder: action.runOrder });
        else {
          say(
            ['stages', stage, 'actions', at, 'outputArtifacts', output, 'name'],
            `Output Artifact Bundle name must be unique within the pipeline. ${name} has been used more than once`,
          );
        }
      }
    }
  }
  const known = [...made.keys()];
  const check = (
    inputs: readonly { readonly name: string }[],
    consumer: Moment,
    path: Path,
    subject: string,
    speak: typeof say,
  ) => {
    for (const [input, { name }] of inputs.entries()) {
      const moment = made.get(name);
      if (moment && isBefore(moment, consumer)) continue;
      speak(
        [...path, 'inputArtifacts', input, 'name'],
        `Input Artifact Bundle ${name} in ${subject} is not declared as Output Artifact Bundle in any of the ` +
          'preceding actions',
        moment ? undefined : { name, known },
      );
    }
  };
  const ofRules = faultsOf('InvalidStageDeclarationException');
  for (const [stage, declared] of stages.entries()) {
    for (const [at, { name, runOrder, inputArtifacts }] of declared.actions.entries()) {
      check(inputArtifacts, { stage, runOrder }, ['stages', stage, 'actions', at], `action ${name}`, say);
    }
    for (const kind of CONDITION_KINDS) {
      // Before entry no action of the stage has run, afterwards all have.
      const moment = { stage, runOrder: kind === 'beforeEntry' ? 0 : Infinity };
      for (const [condition, { rules }] of (declared[kind]?.conditions ?? []).entries()) {
        for (const [at, rule] of rules.entries()) {
          const path = ['stages', stage, kind, 'conditions', condition, 'rules', at];
          check(rule.inputArtifacts, moment, path, `rule ${rule.name}`, ofRules.say);
        }
      }
    }
  }
  return [...faults, ...ofRules.faults];
}

/** True if the producer is certain to have ended when the consumer begins. */
export function isBefore(producer: Moment, consumer: Moment): boolean {
  return (
    producer.stage < consumer.stage ||
    (producer.stage === consumer.stage && producer.runOrder < consumer.runOrder)
  );
}
