/** The fields of a query as they were sent. Most programs escape nothing, so a `+` in base64 is a plus. */
export type AuthFields = ReadonlyMap<string, string>

/** Splits `a=b&c=d`, each at its first `=`, for base64 ends with more of them; of a key that is said twice, the last. */
export function authFields(query: string): AuthFields {
  return new Map(
    query.split('&').map(field => {
      const at = field.indexOf('=')
      return at < 0 ? [field, ''] : [field.slice(0, at), field.slice(at + 1)]
    })
  )
}

/** What a value means that may be percent-escaped or not. */
export function unescaped(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

/** A user name without what would break a query, and otherwise as it is: most servers undo no escapes. */
export const escaped = (user: string): string => user.replace(/[%&=?#+\s]/g, each => encodeURIComponent(each))
