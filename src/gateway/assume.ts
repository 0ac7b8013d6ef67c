/**
 * A service of the house takes on a role of a customer, as services of AWS do: by sts:AssumeRole under its service
 * principal, so that the role's trust policy decides, and with credentials that could as well be handed on.
 */

import { present } from '#base/assert.ts';
import { fault } from '#base/fault.ts';
import type { PolicyDocument, Statement } from '#core/policy/document.ts';
import type { Principal } from '#core/policy/principal.ts';
import type { AssumeRole, Assumed, Caller, Credentials } from '#services/service.ts';
import type { Identify } from './identify.ts';

export interface AssumeParts {
  readonly account: string;
  readonly identify: Identify;
  /** Callers of a service: the service itself, or a session it opened. */
  readonly callerFor: (principal: Principal, source: string, sourceArn?: string) => Caller;
}

export function createAssumeRole(parts: AssumeParts): (request: AssumeRole) => Promise<Assumed> {
  return async (request) => {
    const service = `${request.service}.amazonaws.com`;
    const principal: Principal = {
      type: 'service',
      account: parts.account,
      service,
      sourceAccount: parts.account,
      ...(request.sourceArn !== undefined && { sourceArn: request.sourceArn }),
    };
    const by = request.by ?? parts.callerFor(principal, service);
    const answer = await by.send('sts:AssumeRole', {
      RoleArn: request.roleArn,
      RoleSessionName: request.sessionName,
      ...(request.durationSeconds !== undefined && { DurationSeconds: request.durationSeconds }),
      ...(request.policy && { Policy: policyToJson(request.policy) }),
    });
    const credentials = toCredentials(answer.Credentials);
    const session = await parts.identify(credentials.accessKeyId, credentials.sessionToken);
    return { ...parts.callerFor(session.principal, service, request.sourceArn), credentials };
  };
}

interface StsCredentials {
  readonly AccessKeyId?: string | undefined;
  readonly SecretAccessKey?: string | undefined;
  readonly SessionToken?: string | undefined;
  readonly Expiration?: Date | undefined;
}

function toCredentials(given: StsCredentials | undefined): Credentials & { readonly sessionToken: string } {
  if (!given) throw fault('InternalFailure', 'The role was assumed, but no credentials came.');
  return {
    accessKeyId: present(given.AccessKeyId, 'the access key of a session'),
    secretAccessKey: present(given.SecretAccessKey, 'the secret key of a session'),
    sessionToken: present(given.SessionToken, 'the token of a session'),
    expiresAt: present(given.Expiration, 'the end of a session').getTime(),
  };
}

/** The document as IAM's JSON, for the one place where it travels as text. */
function policyToJson(document: PolicyDocument): string {
  return JSON.stringify({
    Version: document.version,
    Id: document.id,
    Statement: document.statements.map(statementToJson),
  });
}

function statementToJson(statement: Statement): object {
  const conditions: Record<string, Record<string, readonly string[]>> = {};
  for (const { operator, key, values } of statement.conditions) (conditions[operator] ??= {})[key] = values;
  return {
    Sid: statement.sid,
    Effect: statement.effect,
    Principal: statement.principal,
    NotPrincipal: statement.notPrincipal,
    Action: statement.actions,
    NotAction: statement.notActions,
    Resource: statement.resources,
    NotResource: statement.notResources,
    ...(statement.conditions.length > 0 && { Condition: conditions }),
  };
}
