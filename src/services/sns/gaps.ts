/** What SNS answers on AWS and not here, with the reasons. */

import { gap } from '#services/service.ts';

const PUSH = 'Push notifications to mobile devices are not implemented.';
const SMS = 'Text messages to phones are not implemented.';
const PROTECTION = 'Data protection policies are not implemented.';

export const gaps = {
  CheckIfPhoneNumberIsOptedOut: gap(SMS),
  CreatePlatformApplication: gap(PUSH),
  CreatePlatformEndpoint: gap(PUSH),
  CreateSMSSandboxPhoneNumber: gap(SMS),
  DeleteEndpoint: gap(PUSH),
  DeletePlatformApplication: gap(PUSH),
  DeleteSMSSandboxPhoneNumber: gap(SMS),
  GetDataProtectionPolicy: gap(PROTECTION),
  GetEndpointAttributes: gap(PUSH),
  GetPlatformApplicationAttributes: gap(PUSH),
  GetSMSAttributes: gap(SMS),
  GetSMSSandboxAccountStatus: gap(SMS),
  ListEndpointsByPlatformApplication: gap(PUSH),
  ListOriginationNumbers: gap(SMS),
  ListPhoneNumbersOptedOut: gap(SMS),
  ListPlatformApplications: gap(PUSH),
  ListSMSSandboxPhoneNumbers: gap(SMS),
  OptInPhoneNumber: gap(SMS),
  PutDataProtectionPolicy: gap(PROTECTION),
  SetEndpointAttributes: gap(PUSH),
  SetPlatformApplicationAttributes: gap(PUSH),
  SetSMSAttributes: gap(SMS),
  VerifySMSSandboxPhoneNumber: gap(SMS),
};
