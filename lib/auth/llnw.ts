import { randomBytes } from 'node:crypto'
import { unescaped } from './fields.ts'
import { type AuthScheme, isSame, md5 } from './scheme.ts'

/** The input of a response. */
export interface LlnwProof {
  /** The name of the user. */
  user: string
  /** The password. */
  password: string
  /** The app as the client sends it, without its query: `live`, `live/instance`. */
  app: string
  /** The server's nonce. */
  nonce: string
  /** The client's nonce: 8 hexadecimal digits in all programs. */
  cnonce: string
  /** How often the nonce has been used, in 8 hexadecimal digits: `00000001`. */
  nc: string
}

/**
 * The response of `authmod=llnw`, Limelight's variant of HTTP digest (RFC 2617, 3.2.2.1): 32 hexadecimal digits.
 *
 * @example
 * ```ts
 * llnwResponse({ user: 'ada', password: 'secret', app: 'live', nonce: 'bm9uY2U', cnonce: 'Y25vbmNl', nc: '00000001' })
 * ```
 */
export function llnwResponse({ user, password, app, nonce, cnonce, nc }: LlnwProof): string {
  const instance = app.includes('/') ? app : `${app}/_definst_`
  const who = md5(`${user}:live:${password}`, 'hex')
  const what = md5(`publish:/${instance}`, 'hex')
  return md5(`${who}:${nonce}:${nc}:${cnonce}:auth:${what}`, 'hex')
}

export const llnw: AuthScheme = {
  ask: (user, _salt, challenge) => `user=${user}&nonce=${challenge}`,

  answer(asked, claim) {
    const nonce = asked.get('nonce') ?? ''
    if (nonce === '') return
    const [cnonce, nc] = [randomBytes(4).toString('hex'), '00000001']
    const response = llnwResponse({ ...claim, nonce: unescaped(nonce), cnonce, nc })
    return `nonce=${nonce}&cnonce=${cnonce}&nc=${nc}&response=${response}`
  },

  challengeOf: answer => answer.get('nonce'),

  proves(answer, claim) {
    const [nonce, cnonce, nc, response] = ['nonce', 'cnonce', 'nc', 'response'].map(key => answer.get(key))
    if (!nonce || !cnonce || !nc || !response) return false
    const expected = llnwResponse({ ...claim, nonce: unescaped(nonce), cnonce: unescaped(cnonce), nc })
    return isSame(response, expected, 'hex')
  }
}
