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
import { FLV_TAG_HEADER_LENGTH, PREVIOUS_TAG_SIZE_LENGTH } from './flv/flv-tag.ts'
import { timestampRepair } from './media/timestamp-repair.ts'
import type { Message } from './message/message.ts'

/** Options of fixFlv(). */
export interface FixFlvOptions {
  /** Where the file is written that is whole; the file itself is then left as it is. */
  to?: string
}

/** What became of a file. */
export interface FixedFlv {
  /** Milliseconds: the highest timestamp of audio and video. */
  readonly durationMs: number
  /** Keyframes it holds. */
  readonly keyframes: number
  /** Bytes behind the last whole tag, which were left out. */
  readonly cut: number
}

/** The bytes of a tag have no other bound than the 24 bits of their length. */
const limits = { messageBytes: 0xffffff }

/**
 * Repairs an FLV file, whose writer was killed or which had no index: cuts off a torn last tag, and fills in duration, size, tracks
 * and the index of keyframes (see FlvRecording). A recording of ours is repaired in its place, whatever its size; any other file is
 * written anew, with timestamps from 0 on that are mended (see timestampRepair), and takes the place of the old one at the end.
 *
 * Rejects with a ProtocolError `ERR_RTMP_FLV_*` for what is no FLV file, and for one with wrong bytes ahead of its end, unless these
 * are zeros as a power failure leaves them, or it is written elsewhere (`to`), up to there; with the error of the file system.
 */
export async function fixFlv(path: string, { to }: FixFlvOptions = {}): Promise<FixedFlv> {
  const found = await new Scan().read(path)
  const isElsewhere = to !== undefined && !(await isSameFile(path, to))
  const { summary, fault, faultAt, end, size } = found
  if (fault !== undefined && !isElsewhere && !(await isZero(path, faultAt))) throw fault
  const durationMs = isElsewhere
    ? await copy(path, to, found)
    : ((await fixInPlace(path, found)) ?? (await replace(path, found)))
  return { durationMs, keyframes: summary.keyframes, cut: size - Math.min(end, size) }
}

/** A look at all tags of a file. */
class Scan {
  readonly summary: FlvSummary = new FlvSummary(MAX_KEYFRAMES)
  /** Bytes of the body of its first tag, where that is metadata of a recording of ours, with room in it. */
  room: number | undefined
  /** Where its last whole tag ends, and how long that is. */
  end: number = METADATA_POSITION
  lastTagSize = 0
  size = 0
  /** What is wrong with the bytes from `faultAt` on; undefined where they only end too soon. */
  fault: ProtocolError | undefined
  faultAt: number = METADATA_POSITION
  /** The last tag, which is noted once it is known to be whole. */
  #last: Message | undefined
  /** Whether zeros follow it where its size should be: a power failure has left them in place of its end, too. */
  #isZeroBehind = false
  readonly #reader = new FlvReader({
    limits,
    onPreviousTagSize: ({ found }) => {
      this.#isZeroBehind = found === 0
    }
  })

  /** @throws ProtocolError `ERR_RTMP_FLV_HEADER` for what is no FLV file. */
  async read(path: string): Promise<this> {
    const reader = this.#reader
    try {
      for await (const bytes of createReadStream(path)) {
        for (const message of reader.messages(bytes)) {
          this.#noteLast()
          this.#last = message
          this.#isZeroBehind = false
          this.faultAt = reader.offset + PREVIOUS_TAG_SIZE_LENGTH
        }
      }
    } catch (error) {
      if (!(error instanceof ProtocolError) || reader.offset < METADATA_POSITION) throw error
      this.fault = error
    }
    if (reader.offset === 0)
      throw new ProtocolError('ERR_RTMP_FLV_HEADER', { layer: 'flv', offset: 0, detail: 'the file is empty' })
    if (this.fault === undefined || !this.#isZeroBehind) this.#noteLast()
    this.size = (await stat(path)).size
    return this
  }

  #noteLast(): void {
    const message = this.#last
    if (message === undefined) return
    this.lastTagSize = FLV_TAG_HEADER_LENGTH + message.payload.length
    this.end = this.faultAt
    const position = this.end - PREVIOUS_TAG_SIZE_LENGTH - this.lastTagSize
    if (position === METADATA_POSITION && hasSpacer(message)) this.room = message.payload.length
    if (!this.summary.describe(message)) this.summary.note(message, position)
  }
}

/** Fills in what a recording of ours has kept room for; undefined for any other file. */
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

/** Writes the file anew beside the old one, whose place it takes once it is whole. */
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

/** Whether the file holds nothing but zeros from there on. */
async function isZero(path: string, start: number): Promise<boolean> {
  for await (const bytes of createReadStream(path, { start }))
    if ((bytes as Buffer).some(byte => byte !== 0)) return false
  return true
}
