import { escaped } from '../inspect/index.ts'

/** What an event has to tell, in the order it is told. Never a query, nor a key. */
export type LogFields = Readonly<Record<string, string | number | undefined>>

/** Writes one line an event. */
export type Log = (event: string, fields?: LogFields) => void

/** What an error says; a connection that was tried at several addresses says it by its code alone. */
export const said = (error: NodeJS.ErrnoException): string =>
  // of a host of several addresses each attempt has an error, and the whole has no message
  error instanceof AggregateError ? error.errors.map(said).join(', ') : error.message || error.code || 'unknown error'

/** For people, what strangers have said escaped: `12:00:00 publish live/film from 127.0.0.1:50000`. */
export function textLog(write: (line: string) => void): Log {
  return (event, fields = {}) => {
    const told = Object.entries(fields).flatMap(([name, value]) =>
      value === undefined ? [] : [wordFor(name), escaped(`${value}`)]
    )
    write([new Date().toISOString().slice(11, 19), event, ...told].filter(Boolean).join(' '))
  }
}

/** For programs: an object a line, with `time` and `event`. */
export function jsonLog(write: (line: string) => void): Log {
  return (event, fields = {}) => write(JSON.stringify({ time: new Date().toISOString(), event, ...fields }))
}

/** Names that need no word in a sentence, and those that need another. */
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
