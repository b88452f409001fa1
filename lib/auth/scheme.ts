import { createHash, timingSafeEqual } from 'node:crypto'
import type { AuthFields } from './fields.ts'

/** Who a client says it is, and where: the app as it sends it, but for the query. */
export interface AuthClaim {
  /** The name of the user. */
  readonly user: string
  /** The password. */
  readonly password: string
  /** The app, as the client sends it, without its query. */
  readonly app: string
}

/** One way to prove a password without sending it: a server asks with a challenge, a client answers with a response. */
export interface AuthScheme {
  /** The fields that a server asks with. `user` is as it was sent; salt and challenge need no escaping. */
  ask(user: string, salt: string, challenge: string): string
  /** The fields of a client's answer to those that a server asked with; undefined if there is no challenge in them. */
  answer(asked: AuthFields, claim: AuthClaim): string | undefined
  /** The server's challenge that an answer says it is to. */
  challengeOf(answer: AuthFields): string | undefined
  /** Whether the answer proves the claim. A field that is missing proves nothing. */
  proves(answer: AuthFields, claim: AuthClaim, salt: string): boolean
}

export const md5 = (text: string, encoding: 'hex' | 'base64'): string => createHash('md5').update(text).digest(encoding)

/** Compares two digests in a time that tells nothing of where they differ. */
export function isSame(one: string, other: string, encoding: 'hex' | 'base64'): boolean {
  const [bytes, others] = [Buffer.from(one, encoding), Buffer.from(other, encoding)]
  return bytes.length === others.length && timingSafeEqual(bytes, others)
}
