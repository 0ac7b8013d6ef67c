/**
 * The least input that an operation takes, made from its model table: what a test sends that wants to be refused for who
 * it is, and not for what it says.
 */

import assert from 'node:assert/strict';
import { brokenConstraints } from '#wire/constraints.ts';
import { loadModel, type ScalarShape, type Shape, type StructureShape } from '#wire/model.ts';

const BUILD = 'closed:12345678-1234-1234-1234-123456789012';

const CLOSED_KEY = '12345678-1234-1234-1234-123456789012';

/** Members that the handlers need, or need in a form of which the tables do not know. */
const NEEDED: Readonly<Record<string, object>> = {
  'codebuild:BatchDeleteBuilds': { ids: [BUILD] },
  'codebuild:BatchGetBuilds': { ids: [BUILD] },
  'codebuild:BatchGetBuildBatches': { ids: [BUILD] },
  'codebuild:DeleteBuildBatch': { id: BUILD },
  'codebuild:RetryBuildBatch': { id: BUILD },
  'codebuild:StopBuildBatch': { id: BUILD },
  'codebuild:RetryBuild': { id: BUILD },
  'codebuild:StopBuild': { id: BUILD },
  'kms:CreateAlias': { AliasName: 'alias/closed' },
  'kms:Decrypt': { KeyId: CLOSED_KEY },
  'kms:DeleteAlias': { AliasName: 'alias/closed' },
  'kms:ReEncrypt': { DestinationKeyId: CLOSED_KEY },
  'kms:RetireGrant': { KeyId: CLOSED_KEY, GrantId: '1' },
  'kms:UpdateAlias': { AliasName: 'alias/closed' },
  'secretsmanager:TagResource': { SecretId: 'closed', Tags: [{ Key: 'a', Value: 'b' }] },
  'ssm:AddTagsToResource': { ResourceType: 'Parameter' },
  'ssm:RemoveTagsFromResource': { ResourceType: 'Parameter' },
  'ssm:ListTagsForResource': { ResourceType: 'Parameter' },
  'logs:DescribeLogStreams': { logGroupName: 'closed' },
  'logs:AssociateKmsKey': { logGroupName: 'closed' },
  'logs:DisassociateKmsKey': { logGroupName: 'closed' },
  'logs:FilterLogEvents': { logGroupName: 'closed' },
  'logs:GetLogEvents': { logGroupName: 'closed' },
};

/** `codebuild:StartBuild` */
export function leastInput(id: string): object {
  const [service = '', operation = ''] = id.split(':');
  const { input } = loadModel(service).operations.get(operation) ?? {};
  return { ...(input && leastStructure(input, '')), ...NEEDED[id] };
}

function leastStructure(shape: StructureShape, path: string): Record<string, unknown> {
  const wanted = [...shape.members].filter(([name]) => shape.required.has(name) || shape.union);
  const some = shape.union ? wanted.slice(0, 1) : wanted;
  return Object.fromEntries(
    some.map(([name, { shape: member }]) => [name, least(member, `${path}.${name}`)]),
  );
}

function least(shape: Shape, path: string): unknown {
  switch (shape.type) {
    case 'structure':
      return leastStructure(shape, path);
    case 'list':
      return Array.from({ length: Math.max(1, shape.min ?? 0) }, () => least(shape.member.shape, path));
    case 'map':
      return { [String(least(shape.key.shape, path))]: least(shape.value.shape, path) };
    default:
      return leastScalar(shape, path);
  }
}

/** What names and ids look like, somewhere. */
const TEXTS: readonly string[] = [
  'd-ABCDEFGH9',
  'closed-bucket',
  '1',
  'arn:aws:iam::123456789012:role/closed',
  'arn:aws:codecommit:us-east-1:123456789012:closed',
  '12345678-1234-1234-1234-123456789012',
  'a'.repeat(40),
  '0123456789abcdef0123456789abcdef',
  'v1',
  'a/b/c/d',
  's3://closed-bucket/a',
  'arn:aws:codepipeline:us-east-1:123456789012:closed',
  'arn:aws:codestar-notifications:us-east-1:123456789012:notificationrule/closed',
  'arn:aws:events:us-east-1:123456789012:event-bus/closed',
  'ThirdParty',
];

function leastScalar(shape: ScalarShape, path: string): unknown {
  switch (shape.type) {
    case 'string': {
      const texts = shape.enum ?? TEXTS;
      const text = texts.find((each) => brokenConstraints(shape, each).length === 0);
      assert.ok(text !== undefined, `no text fits ${path}: ${shape.pattern}`);
      return text;
    }
    case 'boolean':
      return true;
    case 'timestamp':
      return new Date(0);
    case 'blob':
      return Buffer.from('x');
    default:
      return Math.max(1, shape.min ?? 1);
  }
}
