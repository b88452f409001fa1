import { escaped } from '../inspect/index.ts'

/** The fields of an event, in order. Never a query or a key. */
export type LogFields = Readonly<Record<string, string | number | undefined>>

/** Writes one line per event. */
export type Log = (event: string, fields?: LogFields) => void

/** The message of an error; for a connection that was tried at several addresses, those of its attempts. */
export const said = (error: NodeJS.ErrnoException): string =>
  // with several addresses each attempt has an error, and the aggregate has no message
  error instanceof AggregateError ? error.errors.map(said).join(', ') : error.message || error.code || 'unknown error'

/** For people, with text from peers escaped: `12:00:00 publish live/film from 127.0.0.1:50000`. */
export function textLog(write: (line: string) => void): Log {
  return (event, fields = {}) => {
    const told = Object.entries(fields).flatMap(([name, value]) =>
      value === undefined ? [] : [wordFor(name), escaped(`${value}`)]
    )
    write([new Date().toISOString().slice(11, 19), event, ...told].filter(Boolean).join(' '))
  }
}

/** For programs: one object per line, with `time` and `event`. */
export function jsonLog(write: (line: string) => void): Log {
  return (event, fields = {}) => write(JSON.stringify({ time: new Date().toISOString(), event, ...fields }))
}

/** Field names that are omitted or replaced in a sentence. */
const words: Readonly<Record<string, string>> = {
  path: '',
  url: '',
  file: '',
  message: '',
  by: 'by',
  ms: 'ms',
  messages: 'messages'
}
const wordFor = (name: string): string => words[name] ?? name
