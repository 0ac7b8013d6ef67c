/** Whatever a file holds, checking it ends with findings and never with an error. */

import { test } from 'node:test';
import fc from 'fast-check';
import { readPlaced } from '#core/placed-document.ts';
import { pipelineKind } from './check-pipeline.ts';

const id = { category: 'Build', owner: 'AWS', provider: 'CodeBuild', version: '1' };
const rule = { name: 'R', ruleTypeId: { category: 'Rule', provider: 'Commands' }, commands: ['make'] };
const WHOLE = {
  name: 'p',
  roleArn: 'arn:aws:iam::123456789012:role/r',
  artifactStore: { type: 'S3', location: 'bucket' },
  stages: [
    { name: 'S1', actions: [{ name: 'A', actionTypeId: { ...id, category: 'Source', provider: 'S3' } }] },
    {
      name: 'S2',
      actions: [
        { name: 'B', actionTypeId: id, configuration: { ProjectName: '#{x.y}' }, inputArtifacts: [] },
      ],
      onSuccess: { conditions: [{ result: 'FAIL', rules: [rule] }] },
    },
  ],
  triggers: [
    { providerType: 'CodeStarSourceConnection', gitConfiguration: { sourceActionName: 'A', push: [{}] } },
  ],
  variables: [{ name: 'v' }],
};

/** Everything below a value, as paths. */
function pathsIn(value: unknown): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, item]) => [
    [name],
    ...pathsIn(item).map((path) => [name, ...path]),
  ]);
}

const paths = pathsIn(WHOLE);
const options = { region: 'us-east-1', quotas: 'seed' } as const;

test('a definition in which anything is replaced by anything is checked to the end', () => {
  const change = fc.tuple(fc.constantFrom(...paths), fc.jsonValue({ maxDepth: 2 }));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), fc.boolean(), (changes, isWrapped) => {
      const changed: unknown = structuredClone(WHOLE);
      for (const [path, value] of changes) {
        let above = changed as Record<string, unknown> | undefined;
        for (const step of path.slice(0, -1)) {
          const next: unknown = above?.[step];
          above = typeof next === 'object' && next !== null ? (next as Record<string, unknown>) : undefined;
        }
        if (above) above[String(path.at(-1))] = value;
      }
      const text = JSON.stringify(isWrapped ? { pipeline: changed } : changed);
      const document = readPlaced(text);
      for (const finding of pipelineKind.check(document, text, options)) document.placeOf(finding.path);
    }),
    { numRuns: 1000 },
  );
});
