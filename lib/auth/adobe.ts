import { randomBytes } from 'node:crypto'
import { unescaped } from './fields.ts'
import { type AuthScheme, isSame, md5 } from './scheme.ts'

/** The input of a response. */
export interface AdobeProof {
  /** The name of the user. */
  user: string
  /** The password. */
  password: string
  /** The server's salt, one per user. */
  salt: string
  /** The server's opaque value; if it is missing or empty, `challenge` replaces it. */
  opaque?: string | undefined
  /** The server's challenge, if it sends no `opaque`. */
  challenge?: string | undefined
  /** The client's challenge: 8 characters in all programs. */
  clientChallenge: string
}

/**
 * The response of `authmod=adobe`: 24 characters of base64. Flash Media Server keeps the salted half in its users file.
 *
 * @example
 * ```ts
 * adobeResponse({ user: 'ada', password: 'secret', salt: 'c2FsdA', challenge: 'Y2hhbGxlbmdl', clientChallenge: 'Y2xpZW50' })
 * ```
 */
export function adobeResponse({ user, password, salt, opaque, challenge, clientChallenge }: AdobeProof): string {
  const salted = md5(`${user}${salt}${password}`, 'base64')
  return md5(`${salted}${opaque || challenge || ''}${clientChallenge}`, 'base64')
}

export const adobe: AuthScheme = {
  ask: (user, salt, challenge) => `user=${user}&salt=${salt}&challenge=${challenge}&opaque=${challenge}`,

  answer(asked, { user, password }) {
    const [salt = '', opaque = '', challenge = ''] = ['salt', 'opaque', 'challenge'].map(key => asked.get(key))
    if (opaque === '' && challenge === '') return
    const clientChallenge = randomBytes(4).toString('hex')
    const response = adobeResponse({
      user,
      password,
      salt: unescaped(salt),
      opaque: unescaped(opaque),
      challenge: unescaped(challenge),
      clientChallenge
    })
    // the opaque value is returned unchanged, however the server treats escapes
    return `challenge=${clientChallenge}&response=${response}${opaque === '' ? '' : `&opaque=${opaque}`}`
  },

  challengeOf: answer => answer.get('opaque'),

  proves(answer, { user, password }, salt) {
    const [opaque, clientChallenge, response] = ['opaque', 'challenge', 'response'].map(key => answer.get(key))
    if (!opaque || !clientChallenge || !response) return false
    const expected = adobeResponse({
      user,
      password,
      salt,
      opaque: unescaped(opaque),
      clientChallenge: unescaped(clientChallenge)
    })
    return isSame(unescaped(response), expected, 'base64')
  }
}
