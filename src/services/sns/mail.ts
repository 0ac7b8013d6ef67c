/** Sends mails over the SMTP server that the operator named; where none is named, it says so and sends nothing. */

import type { Transporter } from 'nodemailer';
import type { Attempt } from './attempt.ts';
import type { Mail } from './documents.ts';
import type { Settings } from './settings.ts';

export interface Mailer {
  send(to: string, mail: Mail, messageId: string): Promise<Attempt>;
  close(): void;
}

const WAIT_MS_MAX = 20_000;

export function createMailer({ smtpUrl, mailFrom }: Settings): Mailer {
  let transport: Transporter | undefined;
  return {
    async send(to, mail, messageId) {
      if (smtpUrl === undefined) {
        const reason = 'no mail server is configured; SLIPWAY_SMTP_URL would name one';
        return { isDelivered: false, isPermanent: true, reason };
      }
      // Loaded with the first mail: most installations send none.
      const { createTransport } = await import('nodemailer');
      transport ??= createTransport({
        url: smtpUrl,
        connectionTimeout: WAIT_MS_MAX,
        greetingTimeout: WAIT_MS_MAX,
        socketTimeout: WAIT_MS_MAX,
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      try {
        // The same id each time, so that mail programs recognize what was sent twice.
        const id = `<${messageId}@slipway.invalid>`;
        await transport.sendMail({ from: mailFrom, to: { name: '', address: to }, ...mail, messageId: id });
        return { isDelivered: true };
      } catch (error) {
        const { responseCode = 0, message } = error as Error & { readonly responseCode?: number };
        return { isDelivered: false, isPermanent: responseCode >= 500, reason: message };
      }
    },
    close: () => transport?.close(),
  };
}
