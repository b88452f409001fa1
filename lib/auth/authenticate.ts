import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Connect } from '../session/connect.ts'
import { queryOf } from '../session/stream-path.ts'
import { Challenges } from './challenges.ts'
import { type AuthFields, authFields, unescaped } from './fields.ts'
import { type AuthSchemeName, authSchemes, isAuthScheme } from './schemes.ts'

/** Options of authenticate(). */
export interface AuthenticateOptions {
  /** The password of a user, at once or later; undefined if there is no such user. What it throws refuses the connect. */
  password: (user: string, connect: Connect) => string | undefined | Promise<string | undefined>
  /** The only scheme that is understood. Without it both are, and `'adobe'` is asked for. */
  scheme?: AuthSchemeName | undefined
  /** What challenges are signed with, 16 bytes or more: random. Processes that serve one URL together must share it. */
  secret?: string | Uint8Array
  /** Milliseconds that a challenge may be answered: 60,000. */
  maxAgeMs?: number
  /** Milliseconds since 1970, for challenges are compared across processes: Date. */
  clock?: Pick<Clock, 'now'>
}

/** The steps of one client come on connections of their own, and need not meet the same listener. */
const ofThisProcess = randomBytes(32)
const SECRET_BYTES = 16
const MAX_AGE_MS = 60_000
/** Characters of a user name. */
const MAX_USER = 255

const fieldNames = ['authmod', 'user', 'challenge', 'response', 'opaque', 'nonce', 'cnonce', 'nc']

/**
 * A listener that lets in who proves a password, as encoders do it (`authmod=adobe`, `authmod=llnw`):
 * `session.on('connect', authenticate({ password: user => users.get(user) }))`. Then `session.connection.user` is who it is, and
 * nothing of it is left in `connect.query`; `connect.rawQuery` stays as it came. Whoever plays has to prove it too, unless the listener is only called for some.
 *
 * It keeps nothing between a client's connections, and answers alike whether a user is unknown or a password wrong. A response
 * goes over the wire in the clear, so who reads along may use it again for `maxAgeMs`, and guess at the password at leisure:
 * only TLS helps.
 *
 * @throws RangeError for a secret that is too short, or a `maxAgeMs` that is not positive.
 */
export function authenticate({
  password,
  scheme: only,
  secret = ofThisProcess,
  maxAgeMs = MAX_AGE_MS,
  clock = Date
}: AuthenticateOptions): (connect: Connect) => Promise<void> {
  if (Buffer.byteLength(secret) < SECRET_BYTES) throw new RangeError(`secret must be at least ${SECRET_BYTES} bytes`)
  if (!(maxAgeMs > 0)) throw new RangeError(`maxAgeMs must be a positive number, not ${maxAgeMs}`)
  const challenges = new Challenges(secret, clock, maxAgeMs)

  async function isProved(answer: AuthFields, scheme: AuthSchemeName, connect: Connect): Promise<boolean> {
    const sentUser = answer.get('user')!
    const user = unescaped(sentUser)
    const { challengeOf, proves } = authSchemes[scheme]
    if (!challenges.isGood(unescaped(challengeOf(answer) ?? ''), scheme, user)) return false
    const found = await password(user, connect)
    const salt = challenges.salt(user)
    const isRight = [user, sentUser].some(name =>
      sentApps(connect).some(app => proves(answer, { user: name, password: found ?? '', app }, salt))
    )
    return isRight && found !== undefined
  }

  return async connect => {
    const sent = sentFields(connect)
    const reject = (why: string) =>
      connect.reject('NetConnection.Connect.Rejected', `[ AccessManager.Reject ] : ${why}`)
    const [scheme, user] = [sent.get('authmod'), sent.get('user')]
    if (!isAuthScheme(scheme) || (only ?? scheme) !== scheme || !user) {
      reject(`[ code=403 need auth; authmod=${only ?? 'adobe'} ] : `)
      return
    }
    // no challenge is made for a longer name, so that none is looked up
    if (!sent.has('response') && user.length <= MAX_USER) {
      const name = unescaped(user)
      const asked = authSchemes[scheme].ask(user, challenges.salt(name), challenges.make(scheme, name))
      reject(`[ authmod=${scheme} ] : ?reason=needauth&${asked}`)
      return
    }
    const isRight = await isProved(sent, scheme, connect)
    if (connect.isRefused) return
    if (!isRight) {
      reject(`[ authmod=${scheme} ] : ?reason=authfailed`)
      return
    }
    for (const name of fieldNames) connect.query.delete(name)
    connect.user = unescaped(user)
    connect.accept()
  }
}

/** What was sent behind app and tcUrl, with its escapes: some programs compute their response with them. */
const sentFields = ({ info, tcUrl }: Connect): AuthFields =>
  new Map([...authFields(queryOf(tcUrl)), ...authFields(queryOf(sentApp(info)))])

/** The app that was meant: librtmp's without any query, FFmpeg's with what stood in its URL. */
function sentApps({ info, app }: Connect): string[] {
  const sent = sentApp(info) || app
  return [sent.replace(/\?.*/s, ''), sent.replace(/[?&]authmod=.*/s, '')]
}

const sentApp = ({ app }: Connect['info']): string => (typeof app === 'string' ? app : '')
