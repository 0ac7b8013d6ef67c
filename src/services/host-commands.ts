/**
 * The types of CodeDeploy's host-command service, for which no client package exists: AWS's own agents speak it.
 * Shaped like a client package, so that `Clients` takes it as one. The table is `wire/models/codedeploy-commands.json`.
 */

export interface HostCommands {
  PollHostCommandCommand: Command<PollHostCommandInput, PollHostCommandOutput>;
  GetDeploymentSpecificationCommand: Command<
    GetDeploymentSpecificationInput,
    GetDeploymentSpecificationOutput
  >;
  PutHostCommandAcknowledgementCommand: Command<HostCommandInput, HostCommandOutput>;
  PutHostCommandCompleteCommand: Command<PutHostCommandCompleteInput, object>;
  PostHostCommandUpdateCommand: Command<PostHostCommandUpdateInput, HostCommandOutput>;
}

interface Command<Input, Output> {
  new (input: Input): { resolveMiddleware(): () => Promise<{ output: Output }> };
}

export type HostCommandStatus = 'Pending' | 'InProgress' | 'Succeeded' | 'Failed';

export interface Envelope {
  Format?: string | undefined;
  Payload?: string | undefined;
}

export interface PollHostCommandInput {
  HostIdentifier: string | undefined;
}

export interface PollHostCommandOutput {
  HostCommand?: HostCommand | undefined;
}

export interface HostCommand {
  HostCommandIdentifier?: string | undefined;
  HostIdentifier?: string | undefined;
  DeploymentExecutionId?: string | undefined;
  CommandName?: string | undefined;
  Nonce?: number | undefined;
}

export interface GetDeploymentSpecificationInput {
  DeploymentExecutionId: string | undefined;
  HostIdentifier: string | undefined;
}

export interface GetDeploymentSpecificationOutput {
  DeploymentSystem?: string | undefined;
  DeploymentSpecification?:
    | {
        GenericEnvelope?: Envelope | undefined;
        VariantId?: string | undefined;
        VariantEnvelope?: Envelope | undefined;
      }
    | undefined;
}

export interface HostCommandInput {
  HostCommandIdentifier: string | undefined;
  Diagnostics?: Envelope | undefined;
}

export interface HostCommandOutput {
  CommandStatus?: HostCommandStatus | undefined;
}

export interface PutHostCommandCompleteInput extends HostCommandInput {
  CommandStatus: HostCommandStatus | undefined;
}

export interface PostHostCommandUpdateInput extends HostCommandInput {
  EstimatedCompletionTime?: Date | undefined;
}
