/** Amazon Resource Names: `arn:partition:service:region:account:resource`; the resource may hold colons and slashes. */

export interface Arn {
  readonly partition: string;
  readonly service: string;
  readonly region: string;
  readonly account: string;
  readonly resource: string;
}

export function parseArn(text: string): Arn | undefined {
  const parts = text.split(':');
  if (parts.length < 6 || parts[0] !== 'arn') return undefined;
  const [, partition = '', service = '', region = '', account = '', ...rest] = parts;
  if (!partition || !service) return undefined;
  return { partition, service, region, account, resource: rest.join(':') };
}

/** All our ARNs are in the partition `aws`. */
export function arnOf(service: string, region: string, account: string, resource: string): string {
  return `arn:aws:${service}:${region}:${account}:${resource}`;
}
