import { Refused } from '../errors.ts'
import { authFields, escaped, unescaped } from './fields.ts'
import type { AuthClaim } from './scheme.ts'
import { authSchemes, isAuthScheme } from './schemes.ts'

/**
 * The next query of a client that was rejected. Servers request a password in steps, in the description of the `_error`
 * that answers a connect, and expect each step on a new connection. So, after every rejection:
 *
 * `query = nextAuthQuery(description, { user, password, app }, query)`
 *
 * and connect again with `query` added to the app and to the tcUrl, after a `?`, or a `&` if there is a query already.
 *
 * @param description of the information object of the `_error`
 * @param claim neither escaped; `app` is as it was sent, with or without its query
 * @param sent what this function returned for the connect that was rejected; undefined the first time
 * @returns the query, without a `?`; undefined if the description requests no password, so that the rejection is final
 * @throws Refused `NetConnection.Connect.Rejected`: the user or the password is wrong, or the server requires an
 *   unsupported scheme. It never contains the password.
 *
 * @example
 * ```ts
 * const query = nextAuthQuery(description, { user: 'ada', password: 'secret', app: 'live' })
 * if (query !== undefined) console.log(`connect again to live?${query}`)
 * ```
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
    // as the server writes it; some servers leave it empty
    user: unescaped(asked.get('user') || escaped(claim.user)),
    password: claim.password,
    app: claim.app.replace(/\?.*/s, '')
  })
  if (answer === undefined) throw refused('server requires a response but sent no challenge')
  return `${query}&${answer}`
}

/** The reasons of a refusal; a server may ask again as if nothing had been answered. */
const reasons: ReadonlyMap<string | undefined, string> = new Map([
  ['authfailed', 'wrong user or password'],
  ['needauth', 'wrong user or password'],
  ['nosuchuser', 'unknown user']
])

const refused = (why: string): Refused => new Refused('NetConnection.Connect.Rejected', why)
