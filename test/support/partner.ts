/** A third party for tests: its registered action type, and what its workers prove themselves with. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ActionDeclaration, ActionTypeDeclaration } from '@aws-sdk/client-codepipeline';
import type { TestHouse } from './house.ts';

export const CLIENT = { clientId: '11111111-2222-4333-8444-555555555555', clientToken: 'partner-secret' };
export const PARTNER = { category: 'Test', owner: 'ThirdParty', provider: 'Prober', version: '1' } as const;

export function declarationOf(change: Partial<ActionTypeDeclaration> = {}): ActionTypeDeclaration {
  return {
    id: { ...PARTNER },
    executor: {
      type: 'JobWorker',
      configuration: { jobWorkerExecutorConfiguration: { pollingAccounts: ['123456789012'] } },
      jobTimeout: 3600,
    },
    inputArtifactDetails: { minimumCount: 0, maximumCount: 1 },
    outputArtifactDetails: { minimumCount: 0, maximumCount: 0 },
    permissions: { allowedAccounts: ['*'] },
    properties: [
      { name: 'Target', optional: false, key: true, noEcho: false },
      { name: 'ApiKey', optional: true, key: false, noEcho: true },
    ],
    ...change,
  };
}

/** Named `Work`. */
export function partnersAction(): ActionDeclaration {
  return {
    name: 'Work',
    actionTypeId: PARTNER,
    configuration: { Target: 'web', ApiKey: 'open-sesame' },
    inputArtifacts: [{ name: 'Site' }],
  };
}

export function registrationPath(house: TestHouse): string {
  return join(house.directory, 'data', 'action-types.json');
}

/** As the operator does it: a file, and a restart. */
export async function registerPartner(house: TestHouse): Promise<void> {
  writeFileSync(registrationPath(house), JSON.stringify([{ declaration: declarationOf(), ...CLIENT }]));
  await house.restart();
}
