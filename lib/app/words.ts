import { parseArgs } from 'node:util'
import { type DialOptions, readRtmpUrl, redactedUrl, splitStreamUrl } from '../index.ts'
import type { DoorOptions } from './doors.ts'

/** A wrong argument: one line, exit code 2. */
export class UsageError extends Error {}

/** An unknown option of a subcommand. */
export class UnknownOption extends UsageError {}

/** The user asked for help. */
export class HelpWanted extends Error {}

type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']>
type Words<Known extends Options> = ReturnType<typeof parseArgs<{ options: Known; allowPositionals: true }>>

/** Parses arguments; `wanted` names the positional ones, the last with dots if there may be more. */
export function readWords<Known extends Options>(
  args: readonly string[],
  options: Known,
  wanted: readonly string[] = []
): Words<Known> {
  const words = parsed(args, options)
  if ((words.values as { help?: boolean }).help) throw new HelpWanted()
  const { length } = words.positionals
  if (length < wanted.length) throw new UsageError(`${wanted[length]} is required`)
  if (length > wanted.length && !wanted.at(-1)?.endsWith('...'))
    throw new UsageError(`unexpected argument '${words.positionals[wanted.length]}'`)
  return words
}

function parsed<Known extends Options>(args: readonly string[], options: Known): Words<Known> {
  try {
    const all: Known = { help: { type: 'boolean', short: 'h' }, ...options }
    return parseArgs({ args: [...args], options: all, allowPositionals: true })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const Wrong = code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? UnknownOption : UsageError
    // the rest of the message is about positional arguments
    throw new Wrong(message.split(/\.\s/)[0]!.replace(/^./, first => first.toLowerCase()))
  }
}

/** Options that say how to connect. */
export const dialWords = { insecure: { type: 'boolean', short: 'k' } } as const

/** Their meaning: the server's certificate is verified by default. */
export const dialOptions = ({ insecure = false }: { insecure?: boolean | undefined }): Pick<DialOptions, 'tls'> =>
  insecure ? { tls: { rejectUnauthorized: false } } : {}

/** Options about timestamps. */
export const timestampWords = { 'raw-timestamps': { type: 'boolean' } } as const

export const timestampOption = (words: { 'raw-timestamps'?: boolean | undefined }): { mend: boolean } => ({
  mend: words['raw-timestamps'] !== true
})

/** Options about the schemes of a server. */
export const tlsWords = {
  tls: { type: 'boolean' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' }
} as const

interface TlsWords {
  tls?: boolean | undefined
  'tls-cert'?: string | undefined
  'tls-key'?: string | undefined
}

export function tlsOption({ tls, 'tls-cert': cert, 'tls-key': key }: TlsWords): DoorOptions['tls'] {
  if (cert !== undefined && key !== undefined) return { cert, key }
  if (cert !== undefined || key !== undefined) throw new UsageError('--tls-cert and --tls-key must be given together')
  return tls ? 'self-signed' : undefined
}

export function wholeNumber(name: string, text: string, most: number, least = 0): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number > most || number < least)
    throw new UsageError(`${name} must be an integer from ${least} to ${most}, not ${text}`)
  return number
}

/** Milliseconds, at most one day. */
export const milliseconds = (name: string, text: string, least = 0): number =>
  wholeNumber(name, text, 86_400_000, least)

/** The URL of a stream. */
export function streamUrl(url: string): string {
  checked(() => readRtmpUrl(splitStreamUrl(url).url))
  return url
}

/** Reports an invalid argument as a usage error. */
export function checked<Read>(read: () => Read): Read {
  try {
    return read()
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** Text that may contain a password: a URL, or an attempt at one. */
const SECRET = /:\/\/|:.*@/s

/** A message with the URLs among the arguments redacted. A URL may stand in place of a file name. */
export function withoutSecrets(message: string, args: readonly string[]): string {
  const words = args.flatMap(arg => [arg, arg.replace(/^--?[a-z-]*=?/, '')]).filter(word => SECRET.test(word))
  const longestFirst = words.sort((one, other) => other.length - one.length)
  return longestFirst.reduce((text, word) => text.replaceAll(word, () => redactedUrl(word)), message)
}
