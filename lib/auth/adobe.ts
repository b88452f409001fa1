import { randomBytes } from 'node:crypto'
import { unescaped } from './fields.ts'
import { type AuthScheme, isSame, md5 } from './scheme.ts'

/** What a response is computed from. */
export interface AdobeProof {
  /** The name of the user. */
  user: string
  /** The password. */
  password: string
  /** The server's, one for each user. */
  salt: string
  /** The server's; where it is missing or empty, `challenge` stands for it. */
  opaque?: string | undefined
  /** What the server asks with where it gives no `opaque`. */
  challenge?: string | undefined
  /** The client's own: 8 characters in all programs. */
  clientChallenge: string
}

/** The response of `authmod=adobe`: 24 characters of base64. Flash Media Server keeps the salted half in its users file. */
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
    // the opaque goes back as it came, whatever the server does about escapes
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
