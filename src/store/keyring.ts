/**
 * The secrets of the installation, in the data directory with mode 0600, made at the first start: one master key
 * from which purposes derive their own. Sealed texts are AES-256-GCM, versioned, and bound to their purpose.
 */

export interface Keyring {
  /** Encrypts for one purpose; `context` must be the same at opening. URL-safe text. */
  seal(purpose: string, plaintext: Uint8Array | string, context?: string): string;
  /** Throws when the text was altered or sealed for another purpose or context. */
  open(purpose: string, sealed: string, context?: string): Buffer;
  /** 32 bytes, the same every time: HMAC of the purpose and text under the master key. */
  derive(purpose: string, text: string): Buffer;
}
