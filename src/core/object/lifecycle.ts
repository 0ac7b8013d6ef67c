/**
 * Lifecycle rules of a bucket: which versions of a key are to go by now, and which unfinished uploads. Ages are rounded
 * up to the next midnight UTC, as "Setting lifecycle configuration on a bucket" describes. Storage classes are no part
 * of it.
 */

export interface LifecycleRule {
  readonly id: string;
  readonly isEnabled: boolean;
  /** Whether the prefix stands beside the filter, in the form of the older API; only shown. */
  readonly isOld: boolean;
  readonly prefix?: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly sizeAbove?: number | undefined;
  readonly sizeBelow?: number | undefined;
  readonly expirationDays?: number | undefined;
  /** Milliseconds since the epoch. */
  readonly expirationAt?: number | undefined;
  readonly expiresLoneMarkers?: boolean | undefined;
  readonly noncurrentDays?: number | undefined;
  readonly newerKept?: number | undefined;
  readonly abortDays?: number | undefined;
}

export interface AgedVersion {
  readonly versionId: string;
  readonly isMarker: boolean;
  readonly sizeBytes: number;
  readonly modifiedAt: number;
  readonly tags: Readonly<Record<string, string>>;
}

export interface Verdict {
  /** The current version is to be deleted as a user would: by a marker where versions are kept. */
  readonly expiresCurrent: boolean;
  /** To be removed for good. */
  readonly versionIds: readonly string[];
}

const DAY_MS = 24 * 3_600_000;

/** All versions of one key, newest first. */
export function judgeVersions(
  rules: readonly LifecycleRule[],
  key: string,
  versions: readonly AgedVersion[],
  now: number,
): Verdict {
  const [current, ...noncurrent] = versions;
  if (!current) return { expiresCurrent: false, versionIds: [] };
  const applying = (version: AgedVersion) => rules.filter((rule) => applies(rule, key, version));
  const isLoneMarker = current.isMarker && noncurrent.length === 0;
  const outlived = noncurrent.filter((version, newer) => {
    // A version became noncurrent when the one after it came.
    const since = versions[newer]?.modifiedAt ?? now;
    return applying(version).some(
      ({ noncurrentDays, newerKept = 0 }) =>
        noncurrentDays !== undefined && newer >= newerKept && isDue(since, noncurrentDays, now),
    );
  });
  const isMarkerDone =
    isLoneMarker &&
    applying(current).some((rule) => rule.expiresLoneMarkers === true || isExpired(rule, current, now));
  return {
    expiresCurrent: !current.isMarker && applying(current).some((rule) => isExpired(rule, current, now)),
    versionIds: [...outlived, ...(isMarkerDone ? [current] : [])].map(({ versionId }) => versionId),
  };
}

export function isUploadForgotten(
  rules: readonly LifecycleRule[],
  key: string,
  begunAt: number,
  now: number,
): boolean {
  return rules.some(
    ({ isEnabled, prefix = '', abortDays }) =>
      isEnabled && key.startsWith(prefix) && abortDays !== undefined && isDue(begunAt, abortDays, now),
  );
}

function applies(rule: LifecycleRule, key: string, version: AgedVersion): boolean {
  const { isEnabled, prefix = '', tags, sizeAbove = -1, sizeBelow = Number.POSITIVE_INFINITY } = rule;
  return (
    isEnabled &&
    key.startsWith(prefix) &&
    Object.entries(tags).every(([name, value]) => version.tags[name] === value) &&
    version.sizeBytes > sizeAbove &&
    version.sizeBytes < sizeBelow
  );
}

function isExpired(
  { expirationDays, expirationAt }: LifecycleRule,
  { modifiedAt }: AgedVersion,
  now: number,
) {
  if (expirationDays !== undefined) return isDue(modifiedAt, expirationDays, now);
  return expirationAt !== undefined && now >= expirationAt;
}

function isDue(from: number, days: number, now: number): boolean {
  return now >= Math.ceil((from + days * DAY_MS) / DAY_MS) * DAY_MS;
}
