import { Refused } from '../errors.ts'
import { authFields, escaped, unescaped } from './fields.ts'
import type { AuthClaim } from './scheme.ts'
import { authSchemes, isAuthScheme } from './schemes.ts'

/**
 * What a client that has been rejected says next. Servers ask for a password step by step, with the description of the `_error`
 * that answers a connect, and wait for each step on a new connection. So, after every rejection:
 *
 * `query = nextAuthQuery(description, { user, password, app }, query)`
 *
 * and connect anew with `query` added to the app and to the tcUrl, behind a `?`, or a `&` where there is one already.
 *
 * @param description of the information object of the `_error`
 * @param claim neither escaped; `app` is as it was sent, with or without its query
 * @param sent what this function gave for the connect that was rejected; undefined the first time
 * @returns the query, without a `?`; undefined if the description asks for no password, so that a rejection is just that
 * @throws Refused `NetConnection.Connect.Rejected`: the user or the password is wrong, or nobody here can do what is asked for.
 * It never holds the password.
 */
export function nextAuthQuery(description: string, claim: AuthClaim, sent?: string): string | undefined {
  const scheme = /\bauthmod=(\w+)/.exec(description)?.[1]
  if (scheme === undefined) return
  if (!isAuthScheme(scheme)) throw refused(`server requires authmod=${scheme}, which is not supported`)
  const query = `authmod=${scheme}&user=${escaped(claim.user)}`
  const asked = authFields(/\b(reason=.*)/s.exec(description)?.[1] ?? '')
  const reason = asked.get('reason')
  if (reason === undefined && sent === undefined && description.includes('code=403 need auth')) return query
  if (reason !== 'needauth' || sent?.includes('&response=')) throw refused(reasons.get(reason) ?? description)
  const answer = authSchemes[scheme].answer(asked, {
    // as the server writes it; some leave it empty
    user: unescaped(asked.get('user') || escaped(claim.user)),
    password: claim.password,
    app: claim.app.replace(/\?.*/s, '')
  })
  if (answer === undefined) throw refused('server requires a response but sent no challenge')
  return `${query}&${answer}`
}

/** Why a server refuses; it may ask again, as if nothing had been answered. */
const reasons: ReadonlyMap<string | undefined, string> = new Map([
  ['authfailed', 'wrong user or password'],
  ['needauth', 'wrong user or password'],
  ['nosuchuser', 'unknown user']
])

const refused = (why: string): Refused => new Refused('NetConnection.Connect.Rejected', why)
