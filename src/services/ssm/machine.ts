/** The machine of parameters: tells the bus of changes, and takes away the rows of a parameter that is gone. */

import { parameterDecider } from '#core/parameter/decide.ts';
import type { House } from '#services/service.ts';
import { parameterArn, type ParameterMachine } from './room.ts';
import { withTables } from './tables.ts';

export function createParameterMachine(house: House): ParameterMachine {
  const tell = (id: string, at: number, detailType: string, name: string, detail: Record<string, string>) =>
    house.publish({
      id,
      source: 'aws.ssm',
      detailType,
      account: house.account,
      region: house.region,
      at,
      resources: [parameterArn(house, name)],
      detail,
    });
  const machine: ParameterMachine = {
    kind: 'ssm.parameter',
    decider: parameterDecider,
    effects: {
      /** As "Reference: Amazon EventBridge event patterns and types for Systems Manager" shows it. */
      async AnnounceChange({ eventId, at, operation, name, parameterType, description }) {
        await tell(eventId, at, 'Parameter Store Change', name, {
          operation,
          name,
          type: parameterType,
          ...(description === '' ? {} : { description }),
        });
        return { type: 'Announced' };
      },
      async AnnouncePolicy({ eventId, at, policyType, policyText, name, parameterType }) {
        await tell(eventId, at, 'Parameter Store Policy Action', name, {
          'policy-type': policyType,
          'parameter-name': name,
          'parameter-type': parameterType,
          'policy-content': policyText,
          'action-status': 'Success',
        });
        return { type: 'Announced' };
      },
      async Forget(_, { machineId }) {
        await house.engine.forget(machine, machineId);
        return undefined;
      },
    },
    async record(transaction, { id, before, after }) {
      if (after.status !== 'Gone' || before?.status === 'Gone') return;
      const rows = withTables(transaction);
      for (const table of ['ssm_label', 'ssm_version', 'ssm_parameter'] as const) {
        await rows.deleteFrom(table).where('parameter_id', '=', id).execute();
      }
    },
  };
  return machine;
}
