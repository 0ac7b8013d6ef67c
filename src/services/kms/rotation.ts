/** Rotation: new material for the same key, by the calendar or on demand; what was encrypted before stays readable. */

import { fault } from '#base/fault.ts';
import { ROTATION_DAYS_DEFAULT, type KeyState } from '#core/key/state.ts';
import type { Handler } from '#services/service.ts';
import { authorize, findKeyById } from './finding.ts';
import { pageOf } from './paging.ts';
import { decide, type Room } from './room.ts';

const PERIOD_DAYS_MIN = 90;
const PERIOD_DAYS_MAX = 2560;

export function rotationOperations(room: Room) {
  const EnableKeyRotation: Handler<'kms', 'EnableKeyRotation'> = async (call, input) => {
    const key = await findKeyById(room, call, 'EnableKeyRotation', input.KeyId);
    const periodDays = input.RotationPeriodInDays ?? key.state.rotation?.periodDays ?? ROTATION_DAYS_DEFAULT;
    const conditions = { 'kms:RotationPeriodInDays': String(periodDays) };
    await authorize(room, call, key, { action: 'EnableKeyRotation', conditions });
    if (periodDays < PERIOD_DAYS_MIN || periodDays > PERIOD_DAYS_MAX) {
      const message = `The rotation period must be between ${PERIOD_DAYS_MIN} and ${PERIOD_DAYS_MAX} days.`;
      throw fault('ValidationException', message);
    }
    await decide(room, key.state.id, { type: 'RotationEnabled', periodDays });
    return {};
  };

  const DisableKeyRotation: Handler<'kms', 'DisableKeyRotation'> = async (call, input) => {
    const key = await findKeyById(room, call, 'DisableKeyRotation', input.KeyId);
    await authorize(room, call, key, { action: 'DisableKeyRotation' });
    await decide(room, key.state.id, { type: 'RotationDisabled' });
    return {};
  };

  const GetKeyRotationStatus: Handler<'kms', 'GetKeyRotationStatus'> = async (call, input) => {
    const key = await findKeyById(room, call, 'GetKeyRotationStatus', input.KeyId);
    await authorize(room, call, key, { action: 'GetKeyRotationStatus' });
    const { state } = key;
    checkRotatable(state);
    const { rotation, rotating } = state;
    return {
      KeyId: state.arn,
      KeyRotationEnabled: rotation !== undefined,
      ...(rotation
        ? { RotationPeriodInDays: rotation.periodDays, NextRotationDate: new Date(rotation.nextAt) }
        : {}),
      ...(rotating?.type === 'ON_DEMAND' ? { OnDemandRotationStartDate: new Date(rotating.since) } : {}),
    };
  };

  const RotateKeyOnDemand: Handler<'kms', 'RotateKeyOnDemand'> = async (call, input) => {
    const key = await findKeyById(room, call, 'RotateKeyOnDemand', input.KeyId);
    await authorize(room, call, key, { action: 'RotateKeyOnDemand' });
    const { arn } = await decide(room, key.state.id, { type: 'RotationRequested' });
    return { KeyId: arn };
  };

  const ListKeyRotations: Handler<'kms', 'ListKeyRotations'> = async (call, input) => {
    const key = await findKeyById(room, call, 'ListKeyRotations', input.KeyId);
    await authorize(room, call, key, { action: 'ListKeyRotations' });
    const { state } = key;
    checkRotatable(state);
    const isAll = input.IncludeKeyMaterial === 'ALL_KEY_MATERIAL';
    const materials = state.materials.filter((material) => isAll || material.type !== undefined);
    const current = state.materials.at(-1)?.number;
    const { shown, page } = pageOf(materials, ({ number }) => String(number).padStart(6, '0'), input);
    return {
      Rotations: shown.map((material) => ({
        KeyId: state.arn,
        KeyMaterialId: material.id,
        KeyMaterialState: material.number === current ? ('CURRENT' as const) : ('NON_CURRENT' as const),
        ...(material.type === undefined
          ? {}
          : { RotationDate: new Date(material.createdAt), RotationType: material.type }),
      })),
      ...page,
    };
  };

  return { EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, RotateKeyOnDemand, ListKeyRotations };
}

function checkRotatable({ spec, arn }: KeyState): void {
  if (spec === 'SYMMETRIC_DEFAULT') return;
  throw fault('UnsupportedOperationException', `${arn} is not a symmetric encryption key.`);
}
