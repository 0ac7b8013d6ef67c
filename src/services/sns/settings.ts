/** What the operator of the installation decides for this room, from the server's environment. */

export interface Settings {
  /** `smtp://user:password@host:587`; without it no mail can be sent. */
  readonly smtpUrl: string | undefined;
  /** Sender of all mails. */
  readonly mailFrom: string;
  /** Whether subscriptions may reach loopback, link-local and private addresses. */
  readonly allowsPrivateEndpoints: boolean;
}

export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  return {
    smtpUrl: environment['SLIPWAY_SMTP_URL'] || undefined,
    mailFrom: environment['SLIPWAY_MAIL_FROM'] || 'Slipway <no-reply@slipway.invalid>',
    allowsPrivateEndpoints: environment['SLIPWAY_SNS_PRIVATE_ENDPOINTS'] === 'allow',
  };
}
