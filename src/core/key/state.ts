/**
 * The vocabulary of keys: what a KMS key is, what happens to it, and what it orders. Key material is never in here, only
 * its number: the bytes rest wrapped in rows of their own, so that a deleted key leaves nothing behind, in no journal.
 */

import type { KeySpec, KeyUsage } from './specs.ts';

export interface KeyState {
  readonly id: string;
  readonly arn: string;
  readonly createdAt: number;
  /** `AWS` for the keys of services (`alias/aws/s3`), which customers use and never change. */
  readonly manager: 'AWS' | 'CUSTOMER';
  readonly spec: KeySpec;
  readonly usage: KeyUsage;
  readonly description: string;
  /** JSON, as it was put. */
  readonly policy: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly status: 'Enabled' | 'Disabled' | 'PendingDeletion' | 'Deleted';
  /** Of a key that is pending deletion. */
  readonly deletion?: { readonly at: number; readonly days: number };
  /** Only of symmetric keys whose material changes by itself. */
  readonly rotation?: { readonly periodDays: number; readonly nextAt: number };
  /** First to last; the last one encrypts, every one decrypts. */
  readonly materials: readonly Material[];
  /** Ordered and not yet there. */
  readonly rotating?: {
    readonly number: number;
    readonly type: RotationType;
    readonly since: number;
  };
}

export type RotationType = 'AUTOMATIC' | 'ON_DEMAND';

export interface Material {
  /** 1 for the first. */
  readonly number: number;
  /** 64 hexadecimal digits, as KMS names key material. */
  readonly id: string;
  readonly createdAt: number;
  /** How it came; the first one came with the key. */
  readonly type?: RotationType;
}

export type KeyEvent =
  | {
      readonly type: 'KeyCreated';
      readonly id: string;
      readonly arn: string;
      readonly manager: KeyState['manager'];
      readonly spec: KeySpec;
      readonly usage: KeyUsage;
      readonly description: string;
      readonly policy: string;
      readonly tags: Readonly<Record<string, string>>;
      readonly materialId: string;
    }
  | { readonly type: 'KeyEnabled' }
  | { readonly type: 'KeyDisabled' }
  | { readonly type: 'DeletionScheduled'; readonly days: number }
  | { readonly type: 'DeletionCancelled' }
  | { readonly type: 'DescriptionChanged'; readonly description: string }
  | { readonly type: 'PolicyPut'; readonly policy: string }
  | {
      readonly type: 'TagsChanged';
      readonly set: Readonly<Record<string, string>>;
      readonly removed: readonly string[];
    }
  | { readonly type: 'RotationEnabled'; readonly periodDays: number }
  | { readonly type: 'RotationDisabled' }
  | { readonly type: 'RotationRequested' }
  | { readonly type: 'MaterialMade'; readonly number: number; readonly materialId: string };

/** Orders new material for a key: to be made, wrapped, and kept under this number, once. */
export interface MakeMaterial {
  readonly type: 'MakeMaterial';
  readonly keyId: string;
  readonly number: number;
}

export const DAY_MS = 86_400_000;
export const ROTATION_DAYS_DEFAULT = 365;
export const ON_DEMAND_ROTATIONS_MAX = 25;
export const TAGS_MAX = 50;
