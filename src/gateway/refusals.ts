/** A signature that does not count, as the fault that AWS answers; object storage has codes of its own. */

import { fault, type Fault } from '#base/fault.ts';
import type { Protocol } from '#wire/model.ts';
import type { Claim, Refusal, RefusalReason } from '#wire/sigv4-claim.ts';

export function refusalToFault(
  refusal: Refusal,
  protocol: Protocol,
  place: Claim['place'],
  claim?: Claim,
): Fault {
  if (protocol === 'rest-xml') return objectFault(refusal, place, claim);
  return fault(CODES[refusal.reason], refusal.message);
}

const CODES: Readonly<Record<RefusalReason, string>> = {
  malformed: 'IncompleteSignatureException',
  doubled: 'IncompleteSignatureException',
  unsupported: 'IncompleteSignatureException',
  scope: 'InvalidSignatureException',
  headers: 'InvalidSignatureException',
  payload: 'InvalidSignatureException',
  skewed: 'RequestTimeTooSkewed',
  expired: 'InvalidSignatureException',
  mismatch: 'InvalidSignatureException',
};

/** See "Error responses" in the S3 API reference. */
function objectFault(refusal: Refusal, place: Claim['place'], claim: Claim | undefined): Fault {
  const { message } = refusal;
  switch (refusal.reason) {
    case 'malformed':
    case 'scope':
      return place === 'query'
        ? fault('AuthorizationQueryParametersError', message, { status: 400 })
        : fault('AuthorizationHeaderMalformed', message, { status: 400 });
    case 'doubled':
    case 'payload':
      return fault('InvalidArgument', message, { status: 400 });
    case 'unsupported':
      return fault('InvalidRequest', message, { status: 400 });
    case 'headers':
    case 'expired':
      return fault('AccessDeniedException', message);
    case 'skewed':
      return fault('RequestTimeTooSkewed', message);
    case 'mismatch':
      return fault('InvalidSignatureException', message, {
        members: {
          AWSAccessKeyId: claim?.accessKeyId,
          StringToSign: refusal.stringToSign,
          SignatureProvided: claim?.signature,
          CanonicalRequest: refusal.canonicalRequest,
        },
      });
  }
}
