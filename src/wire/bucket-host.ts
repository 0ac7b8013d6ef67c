/**
 * Buckets as sub-domains. A client may address `<bucket>.<host>`, `<bucket>.s3.<host>` or
 * `<bucket>.s3.<region>.<host>` instead of `<host>/<bucket>`; some SDKs do so for every host that is a name. Bucket
 * names may contain dots, so the longest known host wins and the rest is the bucket.
 */

const REGION = '[a-z]{2}(?:-[a-z]+)+-\\d';

/** `service` is the name under which clients may put the storage service in front of the host. */
export function bucketOfHost(
  hostHeader: string | undefined,
  hosts: readonly string[],
  service: string,
  endpointNames: readonly string[],
): string | undefined {
  const host = (hostHeader ?? '').toLowerCase().replace(/:\d+$/, '');
  const suffix = hosts
    .filter((known) => host.endsWith(`.${known.toLowerCase()}`))
    .reduce<string | undefined>(
      (best, known) => (best && best.length >= known.length ? best : known),
      undefined,
    );
  if (suffix === undefined) return undefined;
  const front = host.slice(0, -(suffix.length + 1));
  const name = front.replace(new RegExp(`\\.${service}(?:\\.${REGION})?$`), '');
  const isEndpoint = new RegExp(`^(?:${endpointNames.join('|')})(?:\\.${REGION})?$`).test(name);
  return isEndpoint ? undefined : name;
}
