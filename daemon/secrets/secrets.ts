/**
 * Secrets by reference, asked for when they are needed and not before.
 *
 * No answer, fault or log line ever holds a value beside the one that was asked for.
 */
export interface Secrets {
  /**
   * The value as it is now. Throws secret_missing (nothing is there, or it is empty) and
   * secret_invalid (no reference at all; the text is not repeated, it may be the secret).
   */
  resolve(reference: string): Promise<string>
  /** The same without waiting: a keyring's value is the one it had when it was last resolved. */
  find(reference: string): SecretFound
  /** Makes a value known that came another way: the daemon's own token. */
  hide(value: string): void
  /** Every value that was handed out since the start, for whoever takes them out of texts. */
  known(): readonly string[]
}

export type SecretFound = string | { missing: string }
