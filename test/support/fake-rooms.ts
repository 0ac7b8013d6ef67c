/**
 * A gateway with three tiny rooms behind it, for tests of the door itself: sts knows one session, codepipeline answers
 * GetPipeline and StartPipelineExecution, s3 keeps objects in memory. The user `dana` may do little; policies are
 * evaluated for real.
 */

import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { systemClock, type Clock } from '#base/clock.ts';
import { fault } from '#base/fault.ts';
import { silentLog, type Log } from '#base/log.ts';
import type { PolicyDocument } from '#core/policy/document.ts';
import { isFaulty, parsePolicy } from '#core/policy/parse.ts';
import type { Principal, RolePrincipal } from '#core/policy/principal.ts';
import { createGateway, type Gateway } from '#gateway/gateway.ts';
import type { AnyService } from '#gateway/rooms.ts';
import type { DoorLimits } from '#gateway/server.ts';
import { gap, type BusEvent, type Call, type Identity, type PrincipalPolicies } from '#services/service.ts';

export interface Key {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export const rootKey: Key = { accessKeyId: 'AKIAROOTROOTROOTROOT', secretAccessKey: 'root/secret+key' };
export const userKey: Key = { accessKeyId: 'AKIAUSERUSERUSERUSER', secretAccessKey: 'user/secret+key' };
export const sessionKey: Key = {
  accessKeyId: 'ASIASESSIONSESSION00',
  secretAccessKey: 'session/secret',
  sessionToken: 'a/token+with=signs',
};

const ACCOUNT = '123456789012';
const user: Principal = {
  type: 'user',
  account: ACCOUNT,
  userName: 'dana',
  userId: 'AIDADANADANADANADANAD',
  arn: `arn:aws:iam::${ACCOUNT}:user/dana`,
};
const role: RolePrincipal = {
  type: 'role',
  account: ACCOUNT,
  roleName: 'worker',
  roleId: 'AROAWORKERWORKERWORKE',
  roleArn: `arn:aws:iam::${ACCOUNT}:role/worker`,
  sessionName: 'test',
  arn: `arn:aws:sts::${ACCOUNT}:assumed-role/worker/test`,
  issuedAt: Date.UTC(2026, 0, 1),
  expiresAt: Date.UTC(2036, 0, 1),
  chained: false,
  sessionPolicies: [],
};

export interface FakeHouse {
  readonly gateway: Gateway;
  readonly url: string;
  /** Calls as the handlers saw them, newest last. */
  readonly calls: Call[];
  readonly objects: Map<string, Buffer>;
  readonly heard: BusEvent[];
}

export interface FakeHouseOptions {
  readonly clock?: Clock;
  readonly log?: Log;
  readonly limits?: Partial<DoorLimits>;
}

export async function createFakeHouse(options: FakeHouseOptions = {}): Promise<FakeHouse> {
  const { clock = systemClock, log = silentLog, limits = {} } = options;
  const gateway = createGateway({ account: ACCOUNT, region: 'us-east-1', rootKey, clock, log, limits });
  const calls: Call[] = [];
  const objects = new Map<string, Buffer>();
  const heard: BusEvent[] = [];
  gateway.open([iamRoom(), stsRoom(calls), pipelineRoom(calls, heard), objectRoom(calls, objects)]);
  const { url } = await gateway.listen('127.0.0.1', 0);
  return { gateway, url, calls, objects, heard };
}

function policy(text: object, kind: 'identity' | 'resource' | 'trust'): PolicyDocument {
  const parsed = parsePolicy(JSON.stringify({ Version: '2012-10-17', ...text }), kind);
  if (isFaulty(parsed)) throw new Error(parsed.faults.join('; '));
  return parsed;
}

const policies: PrincipalPolicies = {
  identity: [
    policy(
      {
        Statement: [
          { Effect: 'Allow', Action: 'codepipeline:GetPipeline', Resource: `arn:aws:codepipeline:*:*:ok-*` },
          { Effect: 'Allow', Action: ['s3:GetObject'], Resource: 'arn:aws:s3:::open/*' },
        ],
      },
      'identity',
    ),
  ],
  tags: {},
};

function iamRoom(): AnyService {
  return room('iam', {
    operations: {},
    identities: {
      byAccessKey: async (accessKeyId: string): Promise<Identity | undefined> =>
        accessKeyId === userKey.accessKeyId
          ? { principal: user, secretAccessKey: userKey.secretAccessKey }
          : undefined,
      byServiceCredential: async () => undefined,
      byPassword: async () => undefined,
      policiesOf: async () => policies,
    },
    resourcePolicy: async (resource: string) =>
      resource.endsWith(':role/worker')
        ? policy(
            {
              Statement: [
                {
                  Effect: 'Allow',
                  Principal: { Service: 'codepipeline.amazonaws.com' },
                  Action: 'sts:AssumeRole',
                  Condition: { StringEquals: { 'aws:SourceAccount': ACCOUNT } },
                },
              ],
            },
            'trust',
          )
        : undefined,
  });
}

function stsRoom(calls: Call[]): AnyService {
  return room('sts', {
    permissions: {
      GetCallerIdentity: () => [],
      AssumeRole: (input: { RoleArn: string }) => [{ action: 'sts:AssumeRole', resource: input.RoleArn }],
    },
    operations: {
      GetCallerIdentity: async (call: Call) => {
        calls.push(call);
        const { principal } = call;
        const arn =
          principal.type === 'root'
            ? `arn:aws:iam::${ACCOUNT}:root`
            : 'arn' in principal
              ? principal.arn
              : '';
        return { UserId: 'id', Account: ACCOUNT, Arn: arn };
      },
      AssumeRole: async () => ({
        Credentials: {
          AccessKeyId: sessionKey.accessKeyId,
          SecretAccessKey: sessionKey.secretAccessKey,
          SessionToken: sessionKey.sessionToken,
          Expiration: new Date(role.expiresAt),
        },
      }),
    },
    sessions: {
      open: async (accessKeyId: string, token: string): Promise<Identity> => {
        if (token === 'expired')
          throw fault('ExpiredTokenException', 'The security token included in the request is expired');
        if (accessKeyId !== sessionKey.accessKeyId || token !== sessionKey.sessionToken) {
          throw fault('InvalidTokenException', 'The security token included in the request is invalid.');
        }
        return { principal: role, secretAccessKey: sessionKey.secretAccessKey };
      },
    },
  });
}

function pipelineRoom(calls: Call[], heard: BusEvent[]): AnyService {
  return room('codepipeline', {
    permissions: {
      GetPipeline: (input: { name: string }) => [
        {
          action: 'codepipeline:GetPipeline',
          resource: `arn:aws:codepipeline:us-east-1:${ACCOUNT}:${input.name}`,
        },
      ],
    },
    operations: {
      GetPipeline: async (call: Call, input: { name: string }) => {
        calls.push(call);
        if (input.name === 'ok-missing') {
          throw fault(
            'PipelineNotFoundException',
            `Account '${ACCOUNT}' does not have a pipeline with name '${input.name}'`,
          );
        }
        if (input.name === 'broken') throw new TypeError('a secret detail');
        return { pipeline: { name: input.name, roleArn: role.roleArn, version: 1, stages: [] } };
      },
      StartPipelineExecution: async (call: Call) => {
        calls.push(call);
        await call.send('s3:GetObject', { Bucket: 'open', Key: 'start' });
        return { pipelineExecutionId: call.requestId };
      },
      PollForJobs: gap('custom actions are not built yet'),
    },
    subscriptions: [
      {
        source: 'aws.s3',
        detailType: 'Object Created',
        hear: async (event: BusEvent) => void heard.push(event),
      },
    ],
  });
}

function objectRoom(calls: Call[], objects: Map<string, Buffer>): AnyService {
  const objectArn = (input: { Bucket: string; Key: string }) => `arn:aws:s3:::${input.Bucket}/${input.Key}`;
  return room('s3', {
    permissions: {
      GetObject: (input: { Bucket: string; Key: string }) => [
        { action: 's3:GetObject', resource: objectArn(input) },
      ],
      PutObject: (input: { Bucket: string; Key: string }) => [
        { action: 's3:PutObject', resource: objectArn(input) },
      ],
    },
    operations: {
      ListBuckets: async () => ({ Buckets: [] }),
      PutObject: async (call: Call, input: { Bucket: string; Key: string; Body?: Readable }) => {
        calls.push(call);
        objects.set(`${input.Bucket}/${input.Key}`, input.Body ? await buffer(input.Body) : Buffer.alloc(0));
        return { ETag: '"etag"' };
      },
      GetObject: async (call: Call, input: { Bucket: string; Key: string }) => {
        calls.push(call);
        const content = objects.get(`${input.Bucket}/${input.Key}`);
        if (!content)
          throw fault('NoSuchKey', 'The specified key does not exist.', { members: { Key: input.Key } });
        return {
          Body: Readable.from([content]),
          ContentLength: content.length,
          ContentType: 'binary/octet-stream',
        };
      },
      DeleteObjects: async (_call: Call, input: { Delete: { Objects: { Key: string }[] } }) => ({
        Deleted: input.Delete.Objects.map(({ Key }) => ({ Key })),
      }),
    },
    resourcePolicy: async (resource: string) =>
      resource.startsWith('arn:aws:s3:::public/')
        ? policy(
            {
              Statement: [
                {
                  Effect: 'Allow',
                  Principal: '*',
                  Action: 's3:GetObject',
                  Resource: 'arn:aws:s3:::public/*',
                },
              ],
            },
            'resource',
          )
        : undefined,
  });
}

/** Only what a test needs of a room; the gateway asks for no more. */
function room(name: string, parts: object): AnyService {
  return { name, permissions: {}, machines: [], migrations: [], ...parts } as unknown as AnyService;
}
