import { createReadStream, createWriteStream } from 'node:fs'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { connect, type DialOptions, flvDecoder, flvEncoder, type Message, pace, splitStreamUrl } from '../index.ts'
import { looped } from './looped.ts'
import { Progress } from './progress.ts'

export interface TransferOptions {
  /** Aborted to end it: what was written is whole, and the server hears of it. */
  signal: AbortSignal
  /** Where a line of progress goes, if anywhere. */
  write?: ((text: string) => void) | undefined
  /** What is to be done with each message that is played nowhere. */
  each?: (message: Message) => void
  /** How to go to the server. */
  dial?: Pick<DialOptions, 'tls'>
}

/** Plays a stream into a file, to standard output (`-`), or nowhere. */
export async function play(url: string, to: string | undefined, options: TransferOptions): Promise<void> {
  const { url: app, name } = splitStreamUrl(url)
  await withSession(app, options, async session => {
    const playing = await session.play(name)
    const progress = new Progress({ write: options.write })
    if (to === undefined) await pipeline(playing, progress, nowhere(options.each))
    else await pipeline(playing, progress, flvEncoder(), to === '-' ? process.stdout : createWriteStream(to))
  })
}

/** Publishes an FLV file, or standard input (`-`), at the pace of its timestamps unless `fast`; over and over with `loop`. */
export async function publish(
  file: string,
  url: string,
  { loop = false, fast = false, ...options }: TransferOptions & { loop?: boolean; fast?: boolean }
): Promise<void> {
  const { url: app, name } = splitStreamUrl(url)
  const messages = source(file, loop)
  await withSession(app, options, async session => {
    const to: Writable = await session.publish(name)
    const progress = new Progress({ write: options.write })
    await (fast ? pipeline(messages, progress, to) : pipeline(messages, pace(), progress, to))
  })
}

/** Does something with a session, which says goodbye behind it or when it is told to end; an end that was asked for is no failure. */
async function withSession(
  app: string,
  { signal, dial }: TransferOptions,
  use: (session: Awaited<ReturnType<typeof connect>>) => Promise<void>
): Promise<void> {
  const session = await connect(app, dial)
  const close = () => void session.close()
  signal.addEventListener('abort', close, { once: true })
  try {
    if (!signal.aborted) await use(session)
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', close)
    await session.close()
  }
}

function source(file: string, loop: boolean): Readable {
  if (loop) return Readable.from(looped(file))
  const bytes = file === '-' ? process.stdin : createReadStream(file)
  const messages = flvDecoder()
  pipeline(bytes, messages).catch(error => messages.destroy(error))
  return messages
}

const nowhere =
  (each: (message: Message) => void = () => {}) =>
  async (messages: AsyncIterable<Message>): Promise<void> => {
    for await (const message of messages) each(message)
  }
