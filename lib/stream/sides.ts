/** What one side of a stream carries: bytes (Buffers, counted in bytes) or objects (counted one by one). */
export type Side = 'bytes' | 'objects'

/** What a stage or a layer carries on each side. */
export interface SideOptions {
  /** The writable side: objects by default. */
  from?: Side
  /** The readable side: objects by default. */
  to?: Side
}

/** The high water mark: readable-stream's default is 16 KiB, and a socket reads 64 KiB at a time. */
const BYTES = 64 * 1024
const OBJECTS = 16

interface Sides {
  writableObjectMode: boolean
  readableObjectMode: boolean
  writableHighWaterMark: number
  readableHighWaterMark: number
}

/** The options for a Duplex with these sides. */
export function sides({ from = 'objects', to = 'objects' }: SideOptions): Sides {
  return {
    writableObjectMode: from === 'objects',
    readableObjectMode: to === 'objects',
    writableHighWaterMark: from === 'objects' ? OBJECTS : BYTES,
    readableHighWaterMark: to === 'objects' ? OBJECTS : BYTES
  }
}
