/**
 * Members and keys whose values never stand in a record, besides those that the service's own table calls sensitive:
 * most tables do not mark what only people know to be secret.
 */

/** What stands in place of a value. */
export const HIDDEN = 'HIDDEN_DUE_TO_SECURITY_REASONS';
/** What the pipeline family shows in place of a secret of an action's configuration. */
export const MASKED = '****';

/** Names of members, in lower case, in whatever shape they stand. */
const MEMBERS = new Set([
  ...['password', 'oldpassword', 'newpassword', 'servicepassword', 'onetimepassword', 'keystorepassword'],
  ...['secretaccesskey', 'rawsecretaccesskey', 'sessiontoken', 'servicecredentialsecret', 'clientsecret'],
  ...['secret', 'secrettoken', 'secretstring', 'sharedsecret', 'token', 'tokenvalue', 'accesstoken'],
  ...['oauthtoken', 'webidentitytoken', 'samlassertion', 'tradeintoken', 'importtoken', 'refreshtoken'],
  ...['privatekey', 'addprivatekey', 'privatekeyplaintext', 'plaintext', 'apikeyvalue', 'authorizationtoken'],
]);

/** Members that are secret only in one shape: `shape.member`. */
const IN_SHAPES = new Set([
  'EnvironmentVariable.value',
  // Elsewhere a client token only makes a call repeatable; here a partner proves itself with it.
  'GetThirdPartyJobDetailsInput.clientToken',
  'AcknowledgeThirdPartyJobInput.clientToken',
  'PutThirdPartyJobSuccessResultInput.clientToken',
  'PutThirdPartyJobFailureResultInput.clientToken',
]);

/** Keys of maps that people fill: an action's configuration, environment variables. */
const KEYS = /token|secret|password|passphrase|credential|private.?key|api.?key/i;

export function isSecretMember(shape: string, member: string): boolean {
  return MEMBERS.has(member.toLowerCase()) || IN_SHAPES.has(`${shape}.${member}`);
}

export function isSecretKey(key: string): boolean {
  return KEYS.test(key);
}
