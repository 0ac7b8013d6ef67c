/**
 * Whom the agent obeys: the signer whose certificate is in `<root>/signer.pem`. An operator may put it there before;
 * otherwise the first signer is taken and stays the only one, if it has the fingerprint that was configured.
 */

import { fingerprintOf, openEnvelope, ENVELOPE_FORMAT } from './envelope.ts';
import { readIfThere, writeDurably } from './files.ts';

export interface Envelope {
  readonly Format?: unknown;
  readonly Payload?: unknown;
}

/** The content of an envelope of the trusted signer; throws for every other one. */
export async function openTrusted(
  envelope: Envelope | undefined,
  signerPath: string,
  expectedFingerprint: string | undefined,
): Promise<string> {
  if (envelope?.Format !== ENVELOPE_FORMAT || typeof envelope.Payload !== 'string') {
    throw new Error(`The specification is not signed: its format is ${String(envelope?.Format)}.`);
  }
  const { content, certificate } = openEnvelope(envelope.Payload);
  const fingerprint = fingerprintOf(certificate);
  const pinned = await readIfThere(signerPath);
  const wanted = pinned === undefined ? expectedFingerprint : fingerprintOf(pinned);
  if (wanted !== undefined && normalize(wanted) !== fingerprint) {
    throw new Error(`The specification was signed by another signer than the trusted one in ${signerPath}.`);
  }
  if (pinned === undefined) await writeDurably(signerPath, certificate);
  return content;
}

/** OpenSSL prints fingerprints in capitals with colons. */
function normalize(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toLowerCase();
}
