import { parseArgs } from 'node:util'
import { type DialOptions, readRtmpUrl, redactedUrl, splitStreamUrl } from '../index.ts'
import type { DoorOptions } from './doors.ts'

/** What is wrong with the words of a call: one line, exit code 2. */
export class UsageError extends Error {}

/** An option that a subcommand does not have. */
export class UnknownOption extends UsageError {}

/** Somebody asked what a call may look like. */
export class HelpWanted extends Error {}

type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']>
type Words<Known extends Options> = ReturnType<typeof parseArgs<{ options: Known; allowPositionals: true }>>

/** The words of a call; `wanted` names those that are no options, the last of them with dots if there may be more. */
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
    // what follows the first sentence is about positional arguments
    throw new Wrong(message.split(/\.\s/)[0]!.replace(/^./, first => first.toLowerCase()))
  }
}

/** Words that say how to go to a URL. */
export const dialWords = { insecure: { type: 'boolean', short: 'k' } } as const

/** What they say: a server's certificate is looked at, unless told otherwise. */
export const dialOptions = ({ insecure = false }: { insecure?: boolean | undefined }): Pick<DialOptions, 'tls'> =>
  insecure ? { tls: { rejectUnauthorized: false } } : {}

/** Words that say whether timestamps are mended. */
export const timestampWords = { 'raw-timestamps': { type: 'boolean' } } as const

export const timestampOption = (words: { 'raw-timestamps'?: boolean | undefined }): { mend: boolean } => ({
  mend: words['raw-timestamps'] !== true
})

/** Words that say what a server speaks. */
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

/** Milliseconds, of a day at most. */
export const milliseconds = (name: string, text: string, least = 0): number =>
  wholeNumber(name, text, 86_400_000, least)

/** The URL of a stream. */
export function streamUrl(url: string): string {
  checked(() => readRtmpUrl(splitStreamUrl(url).url))
  return url
}

/** Words that are wrong in themselves are told as such. */
export function checked<Read>(read: () => Read): Read {
  try {
    return read()
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** What may have a password in it: a URL, or what was meant to be one. */
const SECRET = /:\/\/|:.*@/s

/** A message about a call, with the URLs among its words as they may be shown. A file's name may be a URL out of place. */
export function withoutSecrets(message: string, args: readonly string[]): string {
  const words = args.flatMap(arg => [arg, arg.replace(/^--?[a-z-]*=?/, '')]).filter(word => SECRET.test(word))
  const longestFirst = words.sort((one, other) => other.length - one.length)
  return longestFirst.reduce((text, word) => text.replaceAll(word, () => redactedUrl(word)), message)
}
