import type { AmfValue, RtmpErrorCode } from 'rtmpipe'
import { type Chunked, chunks, type Guest, type Stage, said } from '../../support/hostile.ts'

/** One threat: what a guest sends, and what has to become of it. */
export interface Case {
  /** Its row in the table of threats: C of chunks, A of AMF, S of sessions, F of files, E of RTMPE. */
  readonly row: string
  readonly what: string
  /** What is sent, each by a session of its own; a question that is always answered comes behind it. */
  readonly sends: Buffer | readonly Buffer[]
  /** What stands ahead of it: the connection to an app, unless told. */
  readonly behind?: Buffer
  /** What ends the session; without it, it goes on. */
  readonly ends?: RtmpErrorCode | 'closed'
  /** What is heard in answer. */
  readonly hears?: RegExp
  /** How the last question is written; `'nothing'`, that there is none. */
  readonly asks?: Chunked | 'nothing'
  /** Bytes that the process may hold for it, where that is the matter. */
  readonly holds?: number
  /** Whether the guest reads what it is sent. */
  readonly reads?: false
  /** What happens when all has been sent. */
  readonly meanwhile?: (stage: Stage, guest: Guest) => unknown
  /** What must be so at the end, and what is so. */
  readonly shows?: (stage: Stage, guest: Guest) => readonly [found: unknown, wanted: unknown]
}

export const MiB: number = 1024 * 1024

export const many = (count: number, make: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)))
export const again = (count: number, bytes: Buffer): Buffer => Buffer.alloc(count * bytes.length, bytes)
export const joined = (...parts: Buffer[]): Buffer => Buffer.concat(parts)
export const zeros = (length: number): Buffer => Buffer.alloc(length)
export const hex = (text: string): Buffer => Buffer.from(text, 'hex')

export const keyframe = (timestamp: number): Buffer =>
  chunks(9, hex('1701000000'), { id: 6, messageStreamId: 1, timestamp })
export const connecting = (...args: AmfValue[]): Buffer => said('connect', 1, args)
/** On the message stream that createStream gave. */
export const onOne: Chunked = { messageStreamId: 1 }
