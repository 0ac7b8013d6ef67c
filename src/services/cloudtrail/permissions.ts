/** Who may do what with trails. What is not here needs its action on `*`, as in AWS's table for CloudTrail. */

import type { Permission, Permissions, Scope } from '#services/service.ts';
import { trailArn } from './room.ts';

export const permissions: Permissions<'cloudtrail'> = {
  AddTags: ({ ResourceId: id }, scope) => onTrail('AddTags', id, scope),
  CreateTrail: ({ Name: name, TagsList: tags = [] }, scope) => [
    ...onTrail('CreateTrail', name, scope),
    ...(tags.length > 0 ? onTrail('AddTags', name, scope) : []),
  ],
  DeleteTrail: ({ Name: name }, scope) => onTrail('DeleteTrail', name, scope),
  GetEventSelectors: ({ TrailName: name }, scope) => onTrail('GetEventSelectors', name, scope),
  GetTrail: ({ Name: name }, scope) => onTrail('GetTrail', name, scope),
  GetTrailStatus: ({ Name: name }, scope) => onTrail('GetTrailStatus', name, scope),
  ListTags: ({ ResourceIdList: ids = [] }, scope) => ids.flatMap((id) => onTrail('ListTags', id, scope)),
  PutEventSelectors: ({ TrailName: name }, scope) => onTrail('PutEventSelectors', name, scope),
  RemoveTags: ({ ResourceId: id }, scope) => onTrail('RemoveTags', id, scope),
  StartLogging: ({ Name: name }, scope) => onTrail('StartLogging', name, scope),
  StopLogging: ({ Name: name }, scope) => onTrail('StopLogging', name, scope),
  UpdateTrail: ({ Name: name }, scope) => onTrail('UpdateTrail', name, scope),
};

function onTrail(action: string, given: string | undefined, scope: Scope): readonly Permission[] {
  const name = given ?? '';
  const resource = name.startsWith('arn:') ? name : trailArn(scope, name);
  return [{ action: `cloudtrail:${action}`, resource }];
}
