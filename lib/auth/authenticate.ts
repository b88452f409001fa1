import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Connect } from '../session/connect.ts'
import { queryOf } from '../session/stream-path.ts'
import { Challenges } from './challenges.ts'
import { type AuthFields, authFields, unescaped } from './fields.ts'
import { type AuthSchemeName, authSchemes, isAuthScheme } from './schemes.ts'

/** Options of authenticate(). */
export interface AuthenticateOptions {
  /**
   * The password of a user, directly or as a promise; undefined if there is no such user. An exception refuses the
   * connect.
   */
  password: (user: string, connect: Connect) => string | undefined | Promise<string | undefined>
  /** The only scheme to accept. By default both are accepted, and `'adobe'` is requested. */
  scheme?: AuthSchemeName | undefined
  /**
   * The key that signs challenges, 16 bytes or more; random by default. Processes that serve one URL must share it.
   */
  secret?: string | Uint8Array
  /** The lifetime of a challenge in milliseconds: 60,000. */
  maxAgeMs?: number
  /** Milliseconds since 1970; Date by default, because challenges are compared across processes. */
  clock?: Pick<Clock, 'now'>
}

/** The default key: the steps of a client use separate connections, and may reach different listeners. */
const ofThisProcess = randomBytes(32)
const SECRET_BYTES = 16
const MAX_AGE_MS = 60_000
/** The longest user name. */
const MAX_USER = 255

const fieldNames = ['authmod', 'user', 'challenge', 'response', 'opaque', 'nonce', 'cnonce', 'nc']

/**
 * A listener that accepts clients that prove a password, as encoders do (`authmod=adobe`, `authmod=llnw`):
 * `session.on('connect', authenticate({ password: user => users.get(user) }))`. Then `session.connection.user` is the
 * authenticated user, and `connect.query` no longer contains the proof; `connect.rawQuery` stays as received. Players
 * must authenticate too, unless the listener is called only for some peers.
 *
 * It stores nothing between the connections of a client, and answers an unknown user and a wrong password alike. A
 * response is sent unencrypted, so an observer can replay it for `maxAgeMs`, and can guess the password offline: only
 * TLS prevents this.
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
    // a longer name gets no challenge, so none is looked up
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

/** The query of app and tcUrl, with its escapes: some programs compute their response with them. */
const sentFields = ({ info, tcUrl }: Connect): AuthFields =>
  new Map([...authFields(queryOf(tcUrl)), ...authFields(queryOf(sentApp(info)))])

/** The intended app: librtmp's without a query, FFmpeg's with the query of its URL. */
function sentApps({ info, app }: Connect): string[] {
  const sent = sentApp(info) || app
  return [sent.replace(/\?.*/s, ''), sent.replace(/[?&]authmod=.*/s, '')]
}

const sentApp = ({ app }: Connect['info']): string => (typeof app === 'string' ? app : '')
