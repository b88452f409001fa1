/** The fields of a query as received. Most programs escape nothing, so a `+` in base64 is a plus. */
export type AuthFields = ReadonlyMap<string, string>

/**
 * Splits `a=b&c=d`, each at its first `=`, because base64 may end with more; if a key appears twice, the last value.
 */
export function authFields(query: string): AuthFields {
  return new Map(
    query.split('&').map(field => {
      const at = field.indexOf('=')
      return at < 0 ? [field, ''] : [field.slice(0, at), field.slice(at + 1)]
    })
  )
}

/** Decodes a value that may be percent-escaped. */
export function unescaped(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

/** Escapes only what would break a query: most servers decode no escapes. */
export const escaped = (user: string): string => user.replace(/[%&=?#+\s]/g, each => encodeURIComponent(each))
