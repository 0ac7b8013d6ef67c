/** States that older versions stored, in today's form. Version 1 knew no rollbacks and no conditions. */

import type { Execution, StageRun, State } from './state.ts';

type StageRun1 = Omit<StageRun, 'phase' | 'conditions' | 'replaced'>;

type Execution1 = Omit<Execution, 'type' | 'target' | 'stages'> & {
  readonly stages: Readonly<Record<string, StageRun1>>;
};

type State1 = Omit<State, 'executions'> & { readonly executions: Readonly<Record<string, Execution1>> };

export function liftState(stored: unknown): State {
  const state = stored as State1;
  return {
    ...state,
    executions: Object.fromEntries(
      Object.entries(state.executions).map(([id, execution]) => [id, liftExecution(execution)]),
    ),
  };
}

function liftExecution(execution: Execution1): Execution {
  const lift = ({ status, startedAt, retry, actions }: StageRun1): StageRun => ({
    status,
    startedAt,
    ...(retry ? { retry } : {}),
    actions,
    phase: 'acting',
    conditions: {},
  });
  return {
    ...execution,
    type: 'STANDARD',
    stages: Object.fromEntries(Object.entries(execution.stages).map(([name, run]) => [name, lift(run)])),
  };
}
