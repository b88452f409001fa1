import { createHash, timingSafeEqual } from 'node:crypto'
import type { AuthFields } from './fields.ts'

/** The identity that a client claims. */
export interface AuthClaim {
  /** The name of the user. */
  readonly user: string
  /** The password. */
  readonly password: string
  /** The app, as the client sends it, without its query. */
  readonly app: string
}

/** A scheme that proves a password without sending it: a server sends a challenge, a client a response. */
export interface AuthScheme {
  /** The fields of a server's challenge. `user` is as received; salt and challenge need no escaping. */
  ask(user: string, salt: string, challenge: string): string
  /** The fields of a client's response to a server's; undefined if they contain no challenge. */
  answer(asked: AuthFields, claim: AuthClaim): string | undefined
  /** The challenge that a response claims to answer. */
  challengeOf(answer: AuthFields): string | undefined
  /** Whether the response proves the claim. A missing field proves nothing. */
  proves(answer: AuthFields, claim: AuthClaim, salt: string): boolean
}

export const md5 = (text: string, encoding: 'hex' | 'base64'): string => createHash('md5').update(text).digest(encoding)

/** Compares two digests in constant time. */
export function isSame(one: string, other: string, encoding: 'hex' | 'base64'): boolean {
  const [bytes, others] = [Buffer.from(one, encoding), Buffer.from(other, encoding)]
  return bytes.length === others.length && timingSafeEqual(bytes, others)
}
