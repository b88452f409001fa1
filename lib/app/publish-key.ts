import { createHash, timingSafeEqual } from 'node:crypto'

/** Of a key that is said again and again so many are looked at, the last ones. */
const MAX_SAID = 8
const FIELD = 'key='

/**
 * Whether a query, as it came, has `key=KEY` in it: the key word for word, whatever signs it holds, with escapes, or without its own,
 * which librtmp undoes. The time it takes tells nothing of the key, nor of its length.
 */
export function bringsKey(rawQuery: string, key: string): boolean {
  const wanted = [key, unescaped(key.replaceAll('+', '%2B'))].map(digest)
  const said = saidIn(rawQuery, key.split('&').length).map(digest)
  const isRight = said.flatMap(each => wanted.map(one => timingSafeEqual(each, one)))
  return isRight.includes(true)
}

/** All that the query may mean by its key, one that has as many parts between `&` as `parts` says, or escapes. */
function saidIn(rawQuery: string, parts: number): string[] {
  const fields = rawQuery.split('&')
  const starts = [...fields.keys()].filter(at => fields[at]!.startsWith(FIELD)).slice(-MAX_SAID)
  return starts
    .flatMap(at => [fields.slice(at, at + parts).join('&'), fields[at]!])
    .map(field => field.slice(FIELD.length))
    .flatMap(said => [said, said.replace(/\/$/, '')])
    .flatMap(said => [said, unescaped(said.replaceAll('+', '%2B')), unescaped(said)])
}

/** As a form's field is read, which may hold a lone percent sign. */
const unescaped = (said: string): string => new URLSearchParams(`said=${said.replaceAll('&', '%26')}`).get('said')!

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
