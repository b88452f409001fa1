#!/usr/bin/env node
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { jsonLog, type Log, textLog } from './log.ts'
import { type ServeOptions, type Serving, serve } from './serve.ts'

/** What is wrong with the words of a call: one line, exit code 2. */
class UsageError extends Error {}

const help = `rtmpipe serve [options]     serve live streams: who publishes is played

  --host HOST           the address to listen on (127.0.0.1)
  --port PORT           the port, 0 for any that is free (1935)
  --record DIR          record every stream below this folder, as FLV
  --publish-key KEY     let only those publish who bring ?key=KEY behind the stream name
  --refuse-missing      refuse to play what nobody publishes, instead of waiting for it
  --merge-ms N          gather media for N ms before it is sent: cheaper, and later
  --demo                publish a clip as live/demo, over and over
  --log json            log for programs

rtmpipe --help, rtmpipe --version`

async function main(args: readonly string[]): Promise<void> {
  const [command, ...rest] = args
  switch (command) {
    case 'serve':
      return runServe(rest)
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
  let serving: Serving
  try {
    serving = await serve(options, log)
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
      ? new Error(`port ${options.port} of ${options.host} is taken; --port names another, 0 any that is free`)
      : error
  }
  if (options.demo) hint(serving.url)
  await signal()
  log('closing')
  await serving.stop()
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
    log: { type: 'string', default: 'text' },
    help: { type: 'boolean', short: 'h' }
  })
  if (values.help) {
    say(help)
    process.exit(0)
  }
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

function parsed(args: readonly string[], options: NonNullable<Parameters<typeof parseArgs>[0]>['options']) {
  try {
    return parseArgs({ args: [...args], options: options!, allowPositionals: false })
  } catch (error) {
    // what follows the first sentence is about positional arguments, of which there are none
    throw new UsageError((error as Error).message.split(/\.\s/)[0]!.replace(/^./, first => first.toLowerCase()))
  }
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
