/** Which numbers bound what an account may have: this product's own, or those that AWS publishes. */

export type QuotaProfile = (typeof QUOTA_PROFILES)[number];

export const QUOTA_PROFILES = ['seed', 'aws'] as const;
