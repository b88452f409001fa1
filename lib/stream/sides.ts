/** What one side of a stream carries: bytes (Buffers, counted in bytes) or objects (counted one by one). */
export type Side = 'bytes' | 'objects'

/** What a stage or a layer carries on either side. */
export interface SideOptions {
  /** What is written in; objects unless told. */
  from?: Side
  /** What is read out; objects unless told. */
  to?: Side
}

/** readable-stream's own mark is 16 KiB on every Node; a socket reads 64 KiB at a time. */
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
