import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { ProtocolError } from './errors.ts'
import { flvDecoder } from './flv/flv-decoder.ts'
import { flvFile, writeAt } from './flv/flv-file.ts'
import { hasSpacer } from './flv/flv-metadata.ts'
import { FlvReader } from './flv/flv-reader.ts'
import { MAX_KEYFRAMES } from './flv/flv-recording.ts'
import { FlvSummary, METADATA_POSITION } from './flv/flv-summary.ts'
import { bodyLength, FLV_TAG_HEADER_LENGTH, isTagType, PREVIOUS_TAG_SIZE_LENGTH } from './flv/flv-tag.ts'
import { timestampRepair } from './media/timestamp-repair.ts'
import type { Message } from './message/message.ts'

/** Options of fixFlv(). */
export interface FixFlvOptions {
  /** Where to write the repaired file; the original then stays unchanged. */
  to?: string
}

/** The result of a repair. */
export interface FixedFlv {
  /** Milliseconds: the highest timestamp of audio and video. */
  readonly durationMs: number
  /** Number of keyframes. */
  readonly keyframes: number
  /** Bytes after the last complete tag, which were removed. */
  readonly cut: number
  /** Damaged bytes before it, which were left out. */
  readonly skipped: number
}

/** No limit on a tag but the 24 bits of its length, and a search for the next one to the end of the file. */
const limits = { messageBytes: 0xffffff, resyncBytes: Number.POSITIVE_INFINITY }

/**
 * Repairs an FLV file whose writer was killed, or that has no index: removes an incomplete last tag, and writes
 * duration, size, tracks and the index of keyframes (see FlvRecording). A recording of this library is repaired in
 * place, whatever its size. Any other file is rewritten, with repaired timestamps from 0 on (see timestampRepair), and
 * replaces the old one at the end.
 *
 * Rejects with a ProtocolError `ERR_RTMP_FLV_*` for a file that is not FLV, and for one with damaged bytes, unless they
 * are zeros that a power failure left at its end, or the result goes elsewhere (`to`), which then contains all tags but
 * the damaged ones (see FlvReader); and with errors of the file system.
 */
export async function fixFlv(path: string, { to }: FixFlvOptions = {}): Promise<FixedFlv> {
  const found = await new Scan().read(path)
  const isElsewhere = to !== undefined && !(await isSameFile(path, to))
  const { summary, damage, fault, skipped, end, size } = found
  if (!isElsewhere && damage !== undefined) throw damage
  if (!isElsewhere && fault !== undefined && !(await endsInZeros(path, end))) throw fault
  const durationMs = isElsewhere
    ? await copy(path, to, found)
    : ((await fixInPlace(path, found)) ?? (await replace(path, found)))
  return { durationMs, keyframes: summary.keyframes, cut: size - Math.min(end, size), skipped }
}

/** A scan of all tags of a file. */
class Scan {
  readonly summary: FlvSummary = new FlvSummary(MAX_KEYFRAMES)
  /** Bytes of the body of its first tag, if that is metadata of this library with reserved space. */
  room: number | undefined
  /** The end of its last complete tag, and the length of that tag. */
  end: number = METADATA_POSITION
  lastTagSize = 0
  size = 0
  /** Damaged bytes before that, and the first of them as an error. */
  skipped = 0
  damage: ProtocolError | undefined
  /** The error after the last tag; undefined if the file only ends too soon. */
  fault: ProtocolError | undefined
  readonly #reader = new FlvReader({
    limits,
    onResync: ({ offset, bytes }) => {
      this.skipped += bytes
      this.damage ??= new ProtocolError('ERR_RTMP_FLV_TAG', { layer: 'flv', offset, detail: `${bytes} damaged bytes` })
    }
  })

  /** @throws ProtocolError `ERR_RTMP_FLV_HEADER` for a file that is not FLV. */
  async read(path: string): Promise<this> {
    const reader = this.#reader
    try {
      for await (const bytes of createReadStream(path)) this.#note(reader.messages(bytes))
      this.#note(reader.end())
    } catch (error) {
      if (!(error instanceof ProtocolError) || reader.offset < METADATA_POSITION) throw error
      this.fault = error
    }
    if (reader.offset === 0)
      throw new ProtocolError('ERR_RTMP_FLV_HEADER', { layer: 'flv', offset: 0, detail: 'the file is empty' })
    this.size = (await stat(path)).size
    return this
  }

  #note(messages: Iterable<Message>): void {
    for (const message of messages) {
      const position = this.#reader.tagOffset
      this.lastTagSize = FLV_TAG_HEADER_LENGTH + message.payload.length
      this.end = position + this.lastTagSize + PREVIOUS_TAG_SIZE_LENGTH
      if (position === METADATA_POSITION && hasSpacer(message)) this.room = message.payload.length
      if (!this.summary.describe(message)) this.summary.note(message, position)
    }
  }
}

/** Fills the space that a recording of this library has reserved; undefined for any other file. */
async function fixInPlace(path: string, { summary, room, end, lastTagSize, size }: Scan): Promise<number | undefined> {
  const patches = room === undefined ? undefined : summary.patches(room, end)
  if (patches === undefined) return undefined
  const handle = await open(path, 'r+')
  try {
    await handle.truncate(Math.min(end, size))
    const tagSize = Buffer.alloc(PREVIOUS_TAG_SIZE_LENGTH)
    tagSize.writeUInt32BE(lastTagSize)
    await writeAt(handle, tagSize, end - PREVIOUS_TAG_SIZE_LENGTH)
    for (const { position, bytes } of patches) await writeAt(handle, bytes, position)
  } finally {
    await handle.close()
  }
  return summary.facts.durationMs
}

/** Rewrites the file next to the old one, and replaces that once complete. */
async function replace(path: string, found: Scan): Promise<number> {
  const made = join(dirname(path), `.fix-${randomUUID()}.flv`)
  try {
    const durationMs = await copy(path, made, found)
    await chmod(made, (await stat(path)).mode)
    await rename(made, path)
    return durationMs
  } catch (error) {
    await rm(made, { force: true })
    throw error
  }
}

async function copy(path: string, to: string, { end, summary }: Scan): Promise<number> {
  const file = flvFile(to, { maxKeyframes: Math.max(2, summary.keyframes) })
  const bytes = createReadStream(path, { end: end - 1 })
  await pipeline(bytes, flvDecoder({ limits }), timestampRepair({ rebase: true }), file)
  return file.durationMs
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  const there = await stat(other).catch(() => undefined)
  const { dev, ino } = await stat(one)
  return there?.dev === dev && there.ino === ino
}

/** Whether zeros follow, before them perhaps a tag whose end they have replaced: a power failure leaves them. */
async function endsInZeros(path: string, end: number): Promise<boolean> {
  let start = end
  for await (const bytes of createReadStream(path, { start, end: start + FLV_TAG_HEADER_LENGTH - 1 }))
    if (isTagType(bytes[0])) start += FLV_TAG_HEADER_LENGTH + bodyLength(bytes, 0)
  for await (const bytes of createReadStream(path, { start }))
    if ((bytes as Buffer).some(byte => byte !== 0)) return false
  return true
}
