#!/usr/bin/env node
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { type Message, readRtmpUrl, splitStreamUrl } from '../index.ts'
import { inspectFile } from './inspect.ts'
import { messageEntry } from './ledger.ts'
import { jsonLine } from './ledger-json.ts'
import { textLine } from './ledger-text.ts'
import { jsonLog, type Log, textLog } from './log.ts'
import { serveProxy } from './proxy.ts'
import { relay } from './relay.ts'
import { type ServeOptions, serve } from './serve.ts'
import { play, publish, type TransferOptions } from './transfer.ts'

/** What is wrong with the words of a call: one line, exit code 2. */
class UsageError extends Error {}

const help = `rtmpipe serve [options]       serve live streams: who publishes is played
  --host HOST                 the address to listen on (127.0.0.1)
  --port PORT                 the port, 0 for any that is free (1935)
  --record DIR                record every stream below this folder, as FLV
  --publish-key KEY           let only those publish who bring ?key=KEY behind the stream name
  --refuse-missing            refuse to play what nobody publishes, instead of waiting for it
  --merge-ms N                gather media for N ms before it is sent: cheaper, and later
  --demo                      publish a clip as live/demo, over and over
  --log json                  log for programs

rtmpipe play URL              play rtmp://HOST/APP/NAME
  -o FILE                     into an FLV file, or - for standard output

rtmpipe publish FILE URL      publish an FLV file, or - for standard input, in real time
  --loop                      over and over
  --fast                      as fast as the server takes it

rtmpipe relay FROM TO...      play one stream, and publish it at all the others

rtmpipe proxy --origin URL    lead whoever comes to another server
  --listen PORT, --host HOST  where to listen (1935 of 127.0.0.1)
  --rewrite-key OLD=NEW       call the stream OLD by the name NEW there

rtmpipe inspect FILE|URL      tell what a capture (pcap, pcapng), an FLV file or a stream holds
  --chunks                    of captures, each chunk too
  --json                      an object a line

rtmpipe --help, rtmpipe --version`

async function main(args: readonly string[]): Promise<void> {
  const [command, ...rest] = args
  switch (command) {
    case 'serve':
      return runServe(rest)
    case 'play':
      return runPlay(rest)
    case 'publish':
      return runPublish(rest)
    case 'relay':
      return runRelay(rest)
    case 'proxy':
      return runProxy(rest)
    case 'inspect':
      return runInspect(rest)
    case undefined:
    case 'help':
    case '--help':
    case '-h':
      return say(help)
    case '--version':
      return say(createRequire(import.meta.url)('../../../package.json').version)
    default:
      throw new UsageError(`there is no command ${command}; rtmpipe --help lists what there is`)
  }
}

async function runServe(args: readonly string[]): Promise<void> {
  const { log, ...options } = readServe(args)
  const serving = await listened(options, () => serve(options, log))
  if (options.demo) hint(serving.url)
  await signal()
  log('closing')
  await serving.stop()
}

async function listened<Made>(
  { host, port }: { host: string; port: number },
  make: () => Promise<Made>
): Promise<Made> {
  try {
    return await make()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new Error(`port ${port} of ${host} is taken; --port names another, 0 any that is free`)
  }
}

async function runPlay(args: readonly string[]): Promise<void> {
  const { values, positionals } = parsed(args, { output: { type: 'string', short: 'o' } }, ['URL'])
  await play(streamUrl(positionals[0]!), values.output as string | undefined, transfer())
}

async function runPublish(args: readonly string[]): Promise<void> {
  const { values, positionals } = parsed(args, { loop: { type: 'boolean' }, fast: { type: 'boolean' } }, [
    'FILE',
    'URL'
  ])
  const [file, url] = positionals as [string, string]
  if (file === '-' && values.loop) throw new UsageError('--loop wants a file, not standard input')
  const how = { loop: values.loop === true, fast: values.fast === true }
  await publish(file, streamUrl(url), { ...transfer(), ...how })
}

async function runRelay(args: readonly string[]): Promise<void> {
  const { positionals } = parsed(args, {}, ['FROM', 'TO...'])
  const [from, ...to] = positionals.map(streamUrl) as [string, ...string[]]
  await relay(from, to, textLog(say), ending())
}

async function runProxy(args: readonly string[]): Promise<void> {
  const { values } = parsed(args, {
    host: { type: 'string', default: '127.0.0.1' },
    listen: { type: 'string', default: '1935' },
    origin: { type: 'string' },
    'rewrite-key': { type: 'string' }
  })
  const origin = values.origin as string | undefined
  if (origin === undefined) throw new UsageError('--origin is missing: the URL of the server it leads to')
  checked(() => readRtmpUrl(origin))
  const key = values['rewrite-key'] as string | undefined
  const [, from, to] = /^([^=]+)=(.+)$/.exec(key ?? '') ?? []
  if (key !== undefined && to === undefined) throw new UsageError('--rewrite-key is OLD=NEW')
  const rewriteKey = from === undefined || to === undefined ? undefined : { from, to }
  const where = { host: values.host as string, port: wholeNumber('--listen', values.listen as string, 65535) }
  const log = textLog(say)
  const server = await listened(where, () => serveProxy({ ...where, origin, rewriteKey }, log))
  log('listening', { url: `rtmp://${where.host}:${(server.address() as AddressInfo).port}` })
  await signal()
  log('closing')
}

async function runInspect(args: readonly string[]): Promise<void> {
  const { values, positionals } = parsed(args, { json: { type: 'boolean' }, chunks: { type: 'boolean' } }, [
    'FILE or URL'
  ])
  const [what] = positionals as [string]
  const line = values.json ? jsonLine : textLine
  if (/^[a-z]+:\/\//i.test(what)) {
    const begun = performance.now()
    const print = (message: Message) => say(line(messageEntry(message, { time: (performance.now() - begun) / 1000 })))
    await play(streamUrl(what), undefined, { signal: ending(), each: print })
  } else {
    for (const entry of await inspectFile(what, { chunks: values.chunks === true })) say(line(entry))
  }
}

/** A line of progress, where standard error is a terminal, and an end at Ctrl-C. */
function transfer(): TransferOptions {
  return { signal: ending(), write: process.stderr.isTTY ? text => process.stderr.write(text) : undefined }
}

/** Aborted at the first Ctrl-C or SIGTERM. */
function ending(): AbortSignal {
  const controller = new AbortController()
  void signal().then(() => controller.abort())
  return controller.signal
}

function streamUrl(url: string): string {
  checked(() => readRtmpUrl(splitStreamUrl(url).url))
  return url
}

/** Words that are wrong in themselves are told as such. */
function checked(read: () => unknown): void {
  try {
    read()
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function readServe(args: readonly string[]): ServeOptions & { log: Log } {
  const { values } = parsed(args, {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '1935' },
    record: { type: 'string' },
    'publish-key': { type: 'string' },
    'refuse-missing': { type: 'boolean', default: false },
    'merge-ms': { type: 'string' },
    demo: { type: 'boolean', default: false },
    log: { type: 'string', default: 'text' }
  })
  const logs: Record<string, (write: (line: string) => void) => Log> = { text: textLog, json: jsonLog }
  const log = logs[values.log as string]
  if (log === undefined) throw new UsageError(`--log is text or json, not ${values.log}`)
  if (values['publish-key'] === '') throw new UsageError('--publish-key is empty')
  const mergeMs = values['merge-ms']
  return {
    host: values.host as string,
    port: wholeNumber('--port', values.port as string, 65535),
    record: values.record as string | undefined,
    publishKey: values['publish-key'] as string | undefined,
    refuseMissing: values['refuse-missing'] as boolean,
    demo: values.demo as boolean,
    ...(mergeMs !== undefined && { mergeMs: wholeNumber('--merge-ms', mergeMs as string, 10_000) }),
    log: log(say)
  }
}

/** The words of a call; `wanted` names those that are no options, the last of them with dots if there may be more. */
function parsed(
  args: readonly string[],
  options: NonNullable<Parameters<typeof parseArgs>[0]>['options'],
  wanted: readonly string[] = []
) {
  const { values, positionals } = read(args, { help: { type: 'boolean', short: 'h' }, ...options })
  if (values.help) leave()
  const { length } = positionals
  if (length < wanted.length) throw new UsageError(`${wanted[length]} is missing`)
  if (length > wanted.length && !wanted.at(-1)?.endsWith('...'))
    throw new UsageError(`unexpected argument '${positionals[wanted.length]}'`)
  return { values, positionals }
}

function read(args: readonly string[], options: NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']>) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    // what follows the first sentence is about positional arguments
    throw new UsageError((error as Error).message.split(/\.\s/)[0]!.replace(/^./, first => first.toLowerCase()))
  }
}

function leave(): never {
  say(help)
  process.exit(0)
}

function wholeNumber(name: string, text: string, most: number): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number > most)
    throw new UsageError(`${name} is a whole number from 0 to ${most}, not ${text}`)
  return number
}

function hint(url: string): void {
  say(`
  watch the demo    ffplay ${url}/live/demo
  publish           ffmpeg -re -i FILE -c copy -f flv ${url}/live/film
  from OBS          Server ${url}/live   Stream Key film
  watch it          ffplay ${url}/live/film

  Ctrl-C ends it.
`)
}

/** Settles at the first Ctrl-C or SIGTERM; the next one no longer waits for anything. */
function signal(): Promise<void> {
  return new Promise(resolve => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve())
  })
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

// whoever reads us may have seen enough
process.stdout.on('error', () => process.exit(0))

try {
  await main(process.argv.slice(2))
  process.exit(0)
} catch (error) {
  process.stderr.write(`rtmpipe: ${(error as Error).message}\n`)
  process.exit(error instanceof UsageError ? 2 : 1)
}
