import type { RtmfpChunk } from '../wire/chunk.ts'

/** Type and length of a chunk. */
const CHUNK_HEADER_LENGTH = 3

/** A packet that is being filled with chunks. */
export class PacketSpace {
  readonly chunks: RtmfpChunk[] = []
  /** Whether there is time critical data among them. */
  timeCritical = false
  /** Whether other sessions receive time critical data. */
  timeCriticalReverse = false
  #left: number

  constructor(room: number) {
    this.#left = room
  }

  /** Whether a chunk with a payload of so many bytes has room. */
  has(length: number): boolean {
    return CHUNK_HEADER_LENGTH + length <= this.#left
  }

  /** Adds a chunk with a payload of so many bytes: see `has`. Returns the bytes that it takes of the packet. */
  add(chunk: RtmfpChunk, length: number): number {
    this.chunks.push(chunk)
    this.#left -= CHUNK_HEADER_LENGTH + length
    return CHUNK_HEADER_LENGTH + length
  }
}

/** The longest payload of a single chunk in a packet with so many bytes of room. */
export const payloadRoom = (room: number): number => room - CHUNK_HEADER_LENGTH
