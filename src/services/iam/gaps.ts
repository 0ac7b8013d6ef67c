/** What IAM has and we do not, each with its reason. */

import { gap } from '#services/service.ts';

const mfa = gap('multi-factor devices are not supported yet');
const certificates = gap('server and signing certificates are not kept here');
const federation = gap('of identity providers only those of OpenID Connect are supported');
const outbound = gap('Slipway is no identity provider for others yet');
const organizations = gap('there is one account, and no organization above it');
const delegation = gap('delegation requests are not supported');
const reports = gap('when and how credentials were used is not recorded yet');
const account = gap('the account has no alias and no further properties');
const details = gap('ask for users, roles, groups and policies one kind at a time');

export const gaps = {
  CreateVirtualMFADevice: mfa,
  DeactivateMFADevice: mfa,
  DeleteVirtualMFADevice: mfa,
  EnableMFADevice: mfa,
  GetMFADevice: mfa,
  ListMFADeviceTags: mfa,
  ListVirtualMFADevices: mfa,
  ResyncMFADevice: mfa,
  TagMFADevice: mfa,
  UntagMFADevice: mfa,
  DeleteServerCertificate: certificates,
  DeleteSigningCertificate: certificates,
  GetServerCertificate: certificates,
  ListServerCertificateTags: certificates,
  ListServerCertificates: certificates,
  TagServerCertificate: certificates,
  UntagServerCertificate: certificates,
  UpdateServerCertificate: certificates,
  UpdateSigningCertificate: certificates,
  UploadServerCertificate: certificates,
  UploadSigningCertificate: certificates,
  CreateSAMLProvider: federation,
  DeleteSAMLProvider: federation,
  DisableOutboundWebIdentityFederation: outbound,
  EnableOutboundWebIdentityFederation: outbound,
  GetOutboundWebIdentityFederationInfo: outbound,
  GetSAMLProvider: federation,
  ListSAMLProviderTags: federation,
  ListSAMLProviders: federation,
  SetSecurityTokenServicePreferences: account,
  TagSAMLProvider: federation,
  UntagSAMLProvider: federation,
  UpdateSAMLProvider: federation,
  DisableOrganizationsRootCredentialsManagement: organizations,
  DisableOrganizationsRootSessions: organizations,
  EnableOrganizationsRootCredentialsManagement: organizations,
  EnableOrganizationsRootSessions: organizations,
  GenerateOrganizationsAccessReport: organizations,
  GetOrganizationsAccessReport: organizations,
  ListOrganizationsFeatures: organizations,
  AcceptDelegationRequest: delegation,
  AcquireRole: delegation,
  AssociateDelegationRequest: delegation,
  CreateDelegationRequest: delegation,
  GetDelegationRequest: delegation,
  GetHumanReadableSummary: delegation,
  GetRoleTemplateVersion: delegation,
  ListDelegationRequests: delegation,
  RejectDelegationRequest: delegation,
  SendDelegationToken: delegation,
  UpdateDelegationRequest: delegation,
  GenerateCredentialReport: reports,
  GenerateServiceLastAccessedDetails: reports,
  GetCredentialReport: reports,
  GetServiceLastAccessedDetails: reports,
  GetServiceLastAccessedDetailsWithEntities: reports,
  ListPoliciesGrantingServiceAccess: reports,
  CreateAccountAlias: account,
  DeleteAccountAlias: account,
  GetAccountProperties: account,
  PutAccountProperties: account,
  GetAccountAuthorizationDetails: details,
} as const;
