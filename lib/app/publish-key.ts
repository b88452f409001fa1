import { createHash, timingSafeEqual } from 'node:crypto'

/** A key that a publisher may send. */
export interface PublishKey {
  readonly key: string
  /** The only stream that it is for. */
  readonly path?: string
}

/** The number of repeated keys that are checked, the last ones. */
const MAX_SAID = 8
const FIELD = 'key='

/**
 * Whether a raw query contains `key=KEY`: the key literally, whatever characters it contains, percent-escaped, or
 * without its own escapes, which librtmp removes. Its run time reveals neither the key nor its length.
 */
export function bringsKey(rawQuery: string, key: string): boolean {
  const wanted = [key, unescaped(key.replaceAll('+', '%2B'))].map(digest)
  const said = saidIn(rawQuery, key.split('&').length).map(digest)
  const isRight = said.flatMap(each => wanted.map(one => timingSafeEqual(each, one)))
  return isRight.includes(true)
}

/** All values that the query may mean by its key, which has as many parts between `&` as `parts`, or is escaped. */
function saidIn(rawQuery: string, parts: number): string[] {
  const fields = rawQuery.split('&')
  const starts = [...fields.keys()].filter(at => fields[at]!.startsWith(FIELD)).slice(-MAX_SAID)
  return starts
    .flatMap(at => [fields.slice(at, at + parts).join('&'), fields[at]!])
    .map(field => field.slice(FIELD.length))
    .flatMap(said => [said, said.replace(/\/$/, '')])
    .flatMap(said => [said, unescaped(said.replaceAll('+', '%2B')), unescaped(said)])
}

/** Decoded as a form field, which may contain a lone percent sign. */
const unescaped = (said: string): string => new URLSearchParams(`said=${said.replaceAll('&', '%26')}`).get('said')!

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
