import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  type ClientSession,
  type Clock,
  connect,
  type DialOptions,
  flvDecoder,
  flvEncoder,
  flvFile,
  type Message,
  pace,
  splitStreamUrl,
  systemClock,
  timestampRepair
} from '../index.ts'
import { looped } from './looped.ts'
import { Progress } from './progress.ts'

export interface TransferOptions {
  /** Aborted to end it: the output is complete, and the server is informed. */
  signal: AbortSignal
  /** Receives the progress line, if anything does. */
  write?: ((text: string) => void) | undefined
  /** Called for each message of a play without an output. */
  each?: (message: Message) => void
  /** How to connect to the server. */
  dial?: Pick<DialOptions, 'tls'>
  /** Receives advice, if anything does. */
  advise?: (text: string) => void
  clock?: Clock
  /** Whether timestamps of a play are repaired and start at 0: true. */
  mend?: boolean
}

/**
 * Milliseconds without a frame after which the user is told that the play waits. Servers grant the play of a stream
 * that is not published yet.
 */
const WAIT_MS = 2000

/** Plays a stream into a file or to standard output (`-`), with timestamps from 0 on, or without an output. */
export async function play(url: string, to: string | undefined, options: TransferOptions): Promise<void> {
  const { url: app, name } = splitStreamUrl(url)
  await withSession(app, options, async open => {
    const session = await open()
    const playing = await session.play(name)
    const progress = new Progress({ write: options.write })
    const { clock = systemClock, mend = true, advise } = options
    const stop = clock.after(WAIT_MS, () => {
      if (!progress.hasBegun)
        advise?.('no audio or video received yet: the stream is not published, or sends none; waiting')
    })
    playing.once('close', stop)
    const failure = endsWith(playing, progress)
    if (to === undefined) await pipeline(progress, nowhere(options.each))
    else {
      const mended = timestampRepair({ rebase: mend, mend })
      if (to === '-') await pipeline(progress, mended, flvEncoder(), process.stdout)
      else await pipeline(progress, mended, flvFile(to))
    }
    if (failure.error) throw failure.error
  })
}

/** Pipes, and keeps the error: a pipeline would destroy what is on its way to the file. */
function endsWith(from: Readable, to: Writable): { error?: Error } {
  const failure: { error?: Error } = {}
  from.pipe(to)
  from.once('error', error => {
    failure.error = error
  })
  from.once('close', () => to.end())
  return failure
}

/** Publishes an FLV file, or standard input (`-`), in real time unless `fast`; repeatedly with `loop`. */
export async function publish(
  file: string,
  url: string,
  { loop = false, fast = false, ...options }: TransferOptions & { loop?: boolean; fast?: boolean }
): Promise<void> {
  const { url: app, name } = splitStreamUrl(url)
  const messages = source(file, loop, options.advise)
  await withSession(app, options, async open => {
    // a missing or invalid file is reported before the connection is made
    await once(messages, 'readable', { signal: options.signal })
    const session = await open()
    const to: Writable = await session.publish(name)
    const progress = new Progress({ write: options.write })
    await (fast ? pipeline(messages, progress, to) : pipeline(messages, pace(), progress, to))
  })
}

/** Uses a session, and closes it afterwards or at the signal; an end by the signal is not an error. */
async function withSession(
  app: string,
  { signal, dial }: TransferOptions,
  use: (open: () => Promise<ClientSession>) => Promise<void>
): Promise<void> {
  const dialing = new AbortController()
  let session: ClientSession | undefined
  // a connected session unpublishes first
  const close = () => (session === undefined ? dialing.abort() : void session.close())
  signal.addEventListener('abort', close, { once: true })
  try {
    await use(async () => {
      signal.throwIfAborted()
      session = await connect(app, { ...dial, signal: dialing.signal })
      return session
    })
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', close)
    await session?.close()
  }
}

function source(file: string, loop: boolean, advise: TransferOptions['advise']): Readable {
  if (loop) return Readable.from(looped(file))
  const bytes = file === '-' ? process.stdin : createReadStream(file)
  const messages = flvDecoder()
  messages.on('resync', ({ offset, bytes }) => advise?.(`${bytes} damaged bytes skipped, at byte ${offset}`))
  pipeline(bytes, messages).catch(error => messages.destroy(error))
  return messages
}

const nowhere =
  (each: (message: Message) => void = () => {}) =>
  async (messages: AsyncIterable<Message>): Promise<void> => {
    for await (const message of messages) each(message)
  }
