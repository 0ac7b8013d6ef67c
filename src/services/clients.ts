/**
 * The types of every operation, taken from the official client packages. Types only: nothing of the packages is
 * loaded at run time. A service joins the house with one line in `Clients`.
 */

import type { Readable } from 'node:stream';
import type * as CloudTrail from '@aws-sdk/client-cloudtrail';
import type * as CloudWatch from '@aws-sdk/client-cloudwatch';
import type * as CloudWatchLogs from '@aws-sdk/client-cloudwatch-logs';
import type * as CodeBuild from '@aws-sdk/client-codebuild';
import type * as CodeCommit from '@aws-sdk/client-codecommit';
import type * as CodeDeploy from '@aws-sdk/client-codedeploy';
import type * as CodePipeline from '@aws-sdk/client-codepipeline';
import type * as CodestarNotifications from '@aws-sdk/client-codestar-notifications';
import type * as EventBridge from '@aws-sdk/client-eventbridge';
import type * as Iam from '@aws-sdk/client-iam';
import type * as Kms from '@aws-sdk/client-kms';
import type * as S3 from '@aws-sdk/client-s3';
import type * as SecretsManager from '@aws-sdk/client-secrets-manager';
import type * as Sns from '@aws-sdk/client-sns';
import type * as Sqs from '@aws-sdk/client-sqs';
import type * as Ssm from '@aws-sdk/client-ssm';
import type * as Sts from '@aws-sdk/client-sts';
import type { HostCommands } from './host-commands.ts';

/** By IAM prefix, which is also the name of the room and of its model table. */
export interface Clients {
  cloudtrail: typeof CloudTrail;
  cloudwatch: typeof CloudWatch;
  codebuild: typeof CodeBuild;
  codecommit: typeof CodeCommit;
  codedeploy: typeof CodeDeploy;
  'codedeploy-commands': HostCommands;
  codepipeline: typeof CodePipeline;
  'codestar-notifications': typeof CodestarNotifications;
  events: typeof EventBridge;
  iam: typeof Iam;
  kms: typeof Kms;
  logs: typeof CloudWatchLogs;
  s3: typeof S3;
  secretsmanager: typeof SecretsManager;
  sns: typeof Sns;
  sqs: typeof Sqs;
  ssm: typeof Ssm;
  sts: typeof Sts;
}

export type ServiceName = keyof Clients;

/** `StartBuild` for `codebuild`, and so on: every operation the client package knows. */
export type OperationOf<Name extends ServiceName> = {
  [Key in keyof Clients[Name]]: Key extends `${infer Operation}Command`
    ? Operation extends '$' | ''
      ? never
      : Operation
    : never;
}[keyof Clients[Name]];

type CommandOf<
  Name extends ServiceName,
  Operation extends string,
> = `${Operation}Command` extends keyof Clients[Name] ? Clients[Name][`${Operation}Command`] : never;

/** Streams replace the clients' payload unions: a request body is read, an answer is read or sent whole. */
type Body<Shape> = Shape extends { Body?: unknown }
  ? Omit<Shape, 'Body'> & { Body?: Readable | Uint8Array | undefined }
  : Shape;

export type InputOf<Name extends ServiceName, Operation extends string> =
  CommandOf<Name, Operation> extends new (...inputs: infer Inputs) => unknown
    ? Body<OnlyInput<Inputs>>
    : never;

/** Where every member is optional, a client takes `[] | [Input]`. */
type OnlyInput<Inputs> = Inputs extends readonly [infer Input] ? Input : never;

export type OutputOf<Name extends ServiceName, Operation extends string> =
  CommandOf<Name, Operation> extends new (...input: never[]) => infer Command
    ? OutputOfCommand<Command>
    : never;

type OutputOfCommand<Command> = Command extends {
  resolveMiddleware(...parameters: never[]): (...input: never[]) => Promise<{ output: infer Output }>;
}
  ? Body<Omit<Output, '$metadata'>>
  : never;

/** `codebuild:StartBuild` */
export type OperationId = { [Name in ServiceName]: `${Name}:${OperationOf<Name> & string}` }[ServiceName];

export type InputOfId<Id extends string> = Id extends `${infer Name}:${infer Operation}`
  ? Name extends ServiceName
    ? InputOf<Name, Operation>
    : never
  : never;

export type OutputOfId<Id extends string> = Id extends `${infer Name}:${infer Operation}`
  ? Name extends ServiceName
    ? OutputOf<Name, Operation>
    : never
  : never;
