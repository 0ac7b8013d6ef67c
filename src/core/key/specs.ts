/**
 * What kinds of keys there are: for each key spec its usages and the algorithms it knows, as "Key spec reference" of the
 * KMS Developer Guide lists them. Specs that are missing here are not supported.
 */

export type KeySpec =
  | 'SYMMETRIC_DEFAULT'
  | 'RSA_2048'
  | 'RSA_3072'
  | 'RSA_4096'
  | 'ECC_NIST_P256'
  | 'ECC_NIST_P384'
  | 'ECC_NIST_P521'
  | 'ECC_SECG_P256K1'
  | 'ECC_NIST_EDWARDS25519'
  | 'HMAC_224'
  | 'HMAC_256'
  | 'HMAC_384'
  | 'HMAC_512';

export type KeyUsage = 'ENCRYPT_DECRYPT' | 'SIGN_VERIFY' | 'GENERATE_VERIFY_MAC';
export type EncryptionAlgorithm = 'SYMMETRIC_DEFAULT' | 'RSAES_OAEP_SHA_1' | 'RSAES_OAEP_SHA_256';
export type MacAlgorithm = 'HMAC_SHA_224' | 'HMAC_SHA_256' | 'HMAC_SHA_384' | 'HMAC_SHA_512';
export type SigningAlgorithm =
  | `RSASSA_PSS_SHA_${256 | 384 | 512}`
  | `RSASSA_PKCS1_V1_5_SHA_${256 | 384 | 512}`
  | `ECDSA_SHA_${256 | 384 | 512}`
  | 'ED25519_SHA_512';

export interface SpecFacts {
  /** The first one is what CreateKey takes when only one is possible; RSA keys must say. */
  readonly usages: readonly KeyUsage[];
  readonly encryption: readonly EncryptionAlgorithm[];
  readonly signing: readonly SigningAlgorithm[];
  readonly mac: readonly MacAlgorithm[];
}

const OAEP = ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'] as const;
const RSA_SIGNING = [
  'RSASSA_PSS_SHA_256',
  'RSASSA_PSS_SHA_384',
  'RSASSA_PSS_SHA_512',
  'RSASSA_PKCS1_V1_5_SHA_256',
  'RSASSA_PKCS1_V1_5_SHA_384',
  'RSASSA_PKCS1_V1_5_SHA_512',
] as const;

const RSA: SpecFacts = {
  usages: ['ENCRYPT_DECRYPT', 'SIGN_VERIFY'],
  encryption: OAEP,
  signing: RSA_SIGNING,
  mac: [],
};

const signs = (algorithm: SigningAlgorithm): SpecFacts => ({
  usages: ['SIGN_VERIFY'],
  encryption: [],
  signing: [algorithm],
  mac: [],
});

const authenticates = (algorithm: MacAlgorithm): SpecFacts => ({
  usages: ['GENERATE_VERIFY_MAC'],
  encryption: [],
  signing: [],
  mac: [algorithm],
});

export const specFacts: Readonly<Record<KeySpec, SpecFacts>> = {
  SYMMETRIC_DEFAULT: {
    usages: ['ENCRYPT_DECRYPT'],
    encryption: ['SYMMETRIC_DEFAULT'],
    signing: [],
    mac: [],
  },
  RSA_2048: RSA,
  RSA_3072: RSA,
  RSA_4096: RSA,
  ECC_NIST_P256: signs('ECDSA_SHA_256'),
  ECC_NIST_P384: signs('ECDSA_SHA_384'),
  ECC_NIST_P521: signs('ECDSA_SHA_512'),
  ECC_SECG_P256K1: signs('ECDSA_SHA_256'),
  ECC_NIST_EDWARDS25519: signs('ED25519_SHA_512'),
  HMAC_224: authenticates('HMAC_SHA_224'),
  HMAC_256: authenticates('HMAC_SHA_256'),
  HMAC_384: authenticates('HMAC_SHA_384'),
  HMAC_512: authenticates('HMAC_SHA_512'),
};

export function isKeySpec(text: string): text is KeySpec {
  return Object.hasOwn(specFacts, text);
}

/** The algorithms of a key with this usage. */
export function algorithmsOf(
  spec: KeySpec,
  usage: KeyUsage,
): readonly (EncryptionAlgorithm | SigningAlgorithm | MacAlgorithm)[] {
  const facts = specFacts[spec];
  switch (usage) {
    case 'ENCRYPT_DECRYPT':
      return facts.encryption;
    case 'SIGN_VERIFY':
      return facts.signing;
    case 'GENERATE_VERIFY_MAC':
      return facts.mac;
  }
}
